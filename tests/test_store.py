"""What a store keeps: every run, to within what no spectrogram can feel; and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from egams.artifact import MANIFEST, sealed
from egams.errors import ArtifactError
from egams.families import INSTRUMENTS
from egams.io import open_source
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.run import Run
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import draw, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns
from egams.store.codec import decode, encode
from egams.store.manifest import StoredRun
from egams.store.prepare import prepare
from egams.store.run_store import DATA, RunStore, from_block, to_block
from prepared_samples import prepared_samples, raw_samples, simulated

DRAWS = 6


@given(
    whole=st_numpy.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 4))),
    holes=st.integers(0, 2**36 - 1),
    order=st.integers(0, 2),
)
def test_whole_multiples_come_back_exactly(whole, holes, order):
    """Differences may overflow on the way; NaN stays NaN."""
    steps = 2.0 ** -np.arange(20, 20 + whole.shape[1])
    values = np.clip(whole, -(2**31) + 1, None) * steps
    hole = np.array([holes >> k & 1 for k in range(whole.size)], dtype=bool).reshape(whole.shape)
    values[hole] = np.nan
    block = np.frombuffer(encode(values, steps, order=order), np.uint8)
    np.testing.assert_array_equal(decode(block, steps, len(values), order=order), values)


@pytest.mark.parametrize("run", prepared_samples(), ids=lambda run: run.run_id)
def test_round_trip(run: PreparedRun):
    block = to_block(run)
    entry = StoredRun.model_validate_json(block.entry.model_dump_json())
    again = from_block(np.frombuffer(block.data, np.uint8), entry, "here")
    for name in ("run_id", "instrument", "notes"):
        assert getattr(again, name) == getattr(run, name)
    for name in ("temperature", "mz", "background", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(run, name))
    np.testing.assert_array_equal(np.isnan(again.abundance), np.isnan(run.abundance))
    for name in ("abundance", "baseline"):
        np.testing.assert_allclose(getattr(again, name), getattr(run, name), rtol=0, atol=1e-6)
    # What was rounded once is not rounded again.
    twice = from_block(*_bytes_and_entry(again))
    np.testing.assert_allclose(twice.abundance, again.abundance, rtol=0, atol=1e-6)


def _bytes_and_entry(run: PreparedRun):
    block = to_block(run)
    return np.frombuffer(block.data, np.uint8), block.entry, "here"


def largest_move(runs: list[PreparedRun]) -> dict[str, float]:
    """How far rounding moves any rendered value, as a share of the log10 range."""
    exact = ResidentRuns.load(runs)
    rounded = ResidentRuns.load([from_block(*_bytes_and_entry(run)) for run in runs])
    moves = {}
    for norm in ("max", "band", "share"):
        for prob in (0.0, 1.0):
            config = SpectrogramConfig(norm=norm, baseline_prob=prob, mz_sigma=1.0, floor=1e-4)
            generator = np.random.default_rng(0)
            table = windows(exact, config)
            worst = 0.0
            for _ in range(DRAWS):
                draws = draw(table, np.arange(len(runs)), config, generator)
                apart = render(exact, draws, config) - render(rounded, draws, config)
                worst = max(worst, float(np.abs(apart).max()))
            moves[f"{norm}, baseline {prob:g}"] = worst
    return moves


def test_no_spectrogram_feels_the_rounding():
    more = [simulated(seed, kind) for seed in range(20, 24) for kind in INSTRUMENTS]
    runs = [*prepared_samples(), *prepare_runs(more), *weak_and_towering()]
    for case, move in largest_move(runs).items():
        assert move <= 1e-3, case


def weak_and_towering() -> list[PreparedRun]:
    """Runs whose signal is all but lost: in helium, in noise, on a background that drifts."""
    raw = raw_samples()[1]
    rng = np.random.default_rng(0)
    quiet = np.array(raw.abundance)
    quiet[:, raw.mz == 4] = 1e6 * quiet.max() * rng.normal(1, 1e-3, (len(quiet), 1))
    drift = raw.abundance + 30 * raw.abundance.max() * np.linspace(1, 2, len(quiet))[:, None]
    prepared = prepare_runs([replace(raw, abundance=values) for values in (quiet, drift)])
    return [run for run in prepared if isinstance(run, PreparedRun)]


@pytest.mark.real
def test_no_spectrogram_of_a_real_run_feels_the_rounding(real_data: Path):
    runs = prepare_runs(real_runs(real_data))
    assert all(isinstance(run, PreparedRun) for run in runs)
    for case, move in largest_move(runs).items():
        assert move <= 1e-3, case


def real_runs(real_data: Path) -> list[Run]:
    """About forty runs of the training split, four of them SAM's."""
    folder = real_data / "mars-ega"
    source = open_source(folder / "train_features.parquet")
    with (folder / "metadata.csv").open(newline="") as file:
        kind = {row["sample_id"]: row["instrument_type"] for row in csv.DictReader(file)}
    sam = [run_id for run_id in source.ids if kind[run_id] == "sam_testbed"]
    return [source.load(run_id) for run_id in (*sam[:4], *source.ids[::21])]


@pytest.fixture
def folder(tmp_path: Path, stored: Path) -> Path:
    """A store of the test's own."""
    return Path(shutil.copytree(stored, tmp_path / "store"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("stored") / "store"
    prepare(raw_samples(), output, jobs=1)
    return output


def test_a_store_is_a_sequence_of_runs(stored: Path):
    store = RunStore.open(stored)
    expected = prepared_samples()
    assert len(store) == len(expected)
    assert store.ids == tuple(run.run_id for run in expected)
    assert list(store.instruments) == [run.instrument for run in expected]
    assert [run.run_id for run in store] == list(store.ids)
    assert store[-1].run_id == "patchy"
    with pytest.raises(IndexError):
        store[len(store)]
    np.testing.assert_array_equal(store.labelled, [run.labels is not None for run in expected])
    for row, run in zip(store.labels, expected, strict=True):
        np.testing.assert_array_equal(
            row, np.full(10, np.nan) if run.labels is None else run.labels
        )
    assert store.skipped == []
    assert store.notes == tuple(run.notes for run in expected)
    assert {path.name for path in stored.iterdir()} == {MANIFEST, DATA}


def test_a_slice_of_a_store_is_a_store(stored: Path, tmp_path: Path):
    store = RunStore.open(stored)
    for index in (slice(1, 3), slice(None), slice(None, None, -2), slice(2, 2), slice(-1, 99)):
        some = store[index]
        assert some.ids == store.ids[index]
        assert [run.run_id for run in some] == list(store.ids[index])
        for here, place in zip(some, range(len(store))[index], strict=True):
            np.testing.assert_array_equal(here.abundance, store[place].abundance)
    assert np.shares_memory(store[1:3]._data, store._data)
    assert store[:].fingerprint == store.fingerprint != store[1:].fingerprint
    assert RunStore.open(store[1:3].path_or_copy(tmp_path / "some")).ids == store.ids[1:3]
    assert store[1:][1:].ids == store.ids[2:]


def test_the_fingerprint_tells_runs_and_labels_apart(stored: Path):
    runs = raw_samples()
    assert prepare(runs, jobs=1).fingerprint == RunStore.open(stored).fingerprint
    relabelled = replace(runs[0], labels=1 - runs[0].labels)
    prints = {prepare(case, jobs=1).fingerprint for case in (runs[:1], [relabelled], runs[1:2])}
    assert len(prints) == 3


def _rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(sealed(manifest | changes)))


DAMAGE = {
    "no folder": (shutil.rmtree, "expected a store made by egams"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "expected a store made by egams"),
    "no data": (lambda f: (f / DATA).unlink(), f"{DATA}: is missing. Copy or prepare"),
    "half a manifest": (lambda f: _cut(f / MANIFEST), "not readable as JSON"),
    "a list": (lambda f: (f / MANIFEST).write_text("[]"), "prepare the store again"),
    "binary": (lambda f: (f / MANIFEST).write_bytes(b"\xff\xfe"), "prepare the store again"),
    "another kind": (lambda f: _rewrite(f, kind="bundle"), "holds a bundle; expected a store"),
    "later format": (
        lambda f: _rewrite(f, format_version=99, egams_version="7.1"),
        "format 99, made by egams 7.1; this egams reads format 2. Copy or prepare the store again",
    ),
    "no list": (lambda f: _rewrite(f, runs=None), "'runs': Input should be"),
    "nothing said": (lambda f: _rewrite(f, runs=[{}]), "'runs.0.run_id': Field required"),
    "cut data": (lambda f: _cut(f / DATA), "prepare the store again"),
    "no bytes": (lambda f: (f / DATA).write_bytes(b""), "holds 0 bytes"),
}


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_store_that_cannot_be_opened_says_why(folder: Path, damage: str):
    act, words = DAMAGE[damage]
    act(folder)
    with pytest.raises(ArtifactError) as raised:
        RunStore.open(folder)
    assert words in str(raised.value)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize("count", ["scans", "mz"])
@pytest.mark.parametrize("forged", [-(10**6), 0, 10**12])
def test_a_count_that_the_data_have_not_is_refused(folder: Path, count: str, forged: int):
    runs = json.loads((folder / MANIFEST).read_text())["runs"]
    runs[1][count] = forged
    _rewrite(folder, runs=runs)
    with pytest.raises(ArtifactError, match="not as its manifest says"):
        RunStore.open(folder)[1]


def test_a_changed_byte_is_noticed(folder: Path):
    entry = RunStore.open(folder).manifest.runs[1]
    start = len(to_block(prepared_samples()[0]).data)
    for part in range(len(entry.parts)):
        content = bytearray((folder / DATA).read_bytes())
        content[start + sum(entry.parts[:part]) + 3] ^= 4
        (folder / "copy").mkdir(exist_ok=True)
        (folder / "copy" / DATA).write_bytes(content)
        shutil.copy(folder / MANIFEST, folder / "copy")
        store = RunStore.open(folder / "copy")
        assert store[0].run_id == store.ids[0]
        with pytest.raises(ArtifactError, match=f"'{store.ids[1]}' is damaged.*prepare"):
            store[1]


def test_a_store_of_763_runs_opens_at_once(folder: Path):
    """Opening reads the manifest and no run, so that sizes of the challenge's take milliseconds."""
    manifest = json.loads((folder / MANIFEST).read_text())
    times = 763 // len(manifest["runs"]) + 1
    _rewrite(folder, runs=manifest["runs"] * times)
    (folder / DATA).write_bytes((folder / DATA).read_bytes() * times)

    def seconds() -> float:
        start = time.process_time()
        assert len(RunStore.open(folder)) >= 763
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.05
