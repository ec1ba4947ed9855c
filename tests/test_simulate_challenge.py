"""A simulated challenge is laid out, and written, like the real one."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from egams.errors import InputError
from egams.families import FAMILIES, INSTRUMENTS
from egams.run import Run
from egams.run_csv import run_to_csv
from egams.simulate import (
    SimulationConfig,
    simulate_challenge,
    simulate_run,
    simulate_runs,
    write_challenge,
)

TINY = SimulationConfig.tiny(sam_share=0.3)
SIZES = {"train": 5, "val": 3, "test": 4}
COLUMNS = ["time", "temp", "m/z", "abundance"]


def simulate(folder: Path, *, seed: int = 0, zipped: bool = True, **sizes: int) -> Path:
    n = {**SIZES, **sizes}
    rng = np.random.default_rng(seed)
    return simulate_challenge(
        folder, n["train"], n["val"], n["test"], rng, config=TINY, zipped=zipped
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(scope="module")
def challenge(tmp_path_factory) -> Path:
    return simulate(tmp_path_factory.mktemp("challenge"))


def test_the_folder_holds_the_files_of_the_challenge(challenge):
    assert set(contents(challenge)) == {
        "metadata.csv",
        "train_labels.csv",
        "submission_format.csv",
        "train_features.zip",
        "val_features.zip",
        "test_features.zip",
        "truth/val_labels_truth.csv",
        "truth/test_labels_truth.csv",
    }


def test_metadata_tells_where_each_run_is_and_its_md5(challenge):
    metadata = rows(challenge / "metadata.csv")
    assert list(metadata[0]) == [
        "sample_id",
        "split",
        "instrument_type",
        "features_path",
        "features_md5_hash",
    ]
    assert Counter(row["split"] for row in metadata) == SIZES
    assert len({row["sample_id"] for row in metadata}) == sum(SIZES.values())
    assert {row["instrument_type"] for row in metadata} == set(INSTRUMENTS)
    assert {row["instrument_type"] for row in metadata if row["split"] == "val"} == {"commercial"}
    for row in metadata:
        with zipfile.ZipFile(challenge / f"{row['split']}_features.zip") as archive:
            content = archive.read(row["features_path"])
        assert row["features_path"] == f"{row['split']}_features/{row['sample_id']}.csv"
        assert row["features_md5_hash"] == hashlib.md5(content).hexdigest()


def test_labels_truth_and_submission_format_cover_their_splits(challenge):
    split_of = {row["sample_id"]: row["split"] for row in rows(challenge / "metadata.csv")}
    tables = {
        "train": rows(challenge / "train_labels.csv"),
        "val": rows(challenge / "truth" / "val_labels_truth.csv"),
        "test": rows(challenge / "truth" / "test_labels_truth.csv"),
    }
    for split, table in tables.items():
        assert list(table[0]) == ["sample_id", *FAMILIES]
        assert [row["sample_id"] for row in table] == [s for s in split_of if split_of[s] == split]
        assert {row[family] for row in table for family in FAMILIES} <= {"0", "1"}
    asked = rows(challenge / "submission_format.csv")
    assert [row["sample_id"] for row in asked] == [s for s in split_of if split_of[s] != "train"]
    assert {row[family] for row in asked for family in FAMILIES} == {"0.5"}


def test_the_same_seed_gives_the_same_bytes(challenge, tmp_path):
    assert contents(simulate(tmp_path / "again")) == contents(challenge)
    assert contents(simulate(tmp_path / "other", seed=1)) != contents(challenge)


def test_a_folder_holds_what_an_archive_does(challenge, tmp_path):
    unzipped = simulate(tmp_path / "unzipped", zipped=False)
    assert (unzipped / "metadata.csv").read_bytes() == (challenge / "metadata.csv").read_bytes()
    for row in rows(unzipped / "metadata.csv"):
        content = (unzipped / row["features_path"]).read_bytes()
        assert hashlib.md5(content).hexdigest() == row["features_md5_hash"]


def test_more_training_runs_keep_the_first_ones(challenge, tmp_path):
    more = simulate(tmp_path / "more", train=7)
    assert rows(more / "train_labels.csv")[:5] == rows(challenge / "train_labels.csv")
    assert rows(more / "metadata.csv")[:5] == rows(challenge / "metadata.csv")[:5]


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_csv_holds_the_run_to_the_last_bit(instrument):
    run = simulate_run(np.random.default_rng(4), instrument=instrument, config=TINY)
    content = run_to_csv(run).decode()
    assert content.startswith("time,temp,m/z,abundance\n0.0,")
    table = np.genfromtxt(io.StringIO(content), delimiter=",", skip_header=1)
    measured = ~np.isnan(run.abundance)
    time = run.time if run.time.ndim == 2 else np.repeat(run.time[:, None], run.mz.size, axis=1)
    mz = np.broadcast_to(run.mz, run.abundance.shape)
    expected = [values[measured] for values in (time, run.reading_temperature, mz, run.abundance)]
    np.testing.assert_array_equal(table.T, np.array(expected))
    assert np.all(np.diff(table[:, 0]) >= 0)


def test_a_finished_challenge_is_not_overwritten(challenge):
    before = contents(challenge)
    with pytest.raises(InputError, match="already holds a challenge"):
        simulate(challenge)
    assert contents(challenge) == before


@pytest.mark.parametrize("zipped", [True, False])
def test_a_failed_writing_leaves_nothing_that_looks_finished(tmp_path, zipped):
    def broken() -> object:
        yield from simulate_runs(2, np.random.default_rng(0), config=TINY)
        yield Run("unlabelled", np.zeros(1), np.ones(1), np.ones((1, 1)), time=np.zeros(1))

    with pytest.raises(InputError, match="'unlabelled' has no labels"):
        write_challenge(tmp_path, {"train": broken()}, zipped=zipped)
    assert not {path.suffix for path in tmp_path.rglob("*")} & {".zip", ".tmp"}
    assert not (tmp_path / "metadata.csv").exists()


def test_progress_counts_every_run(tmp_path):
    seen: list[int] = []
    simulate_challenge(
        tmp_path, 2, 1, 1, np.random.default_rng(0), config=TINY, progress=seen.append
    )
    assert seen == [1, 2, 3, 4]


PATTERNS = {  # text of each column, as the challenge writes it
    "commercial": (r"\d+\.\d{1,3}", r"-?\d+\.\d{1,3}", r"\d+\.0", r"-?\d(\.\d{1,6})?e-\d\d"),
    "sam_testbed": (r"\d+\.\d{1,2}", r"-?\d+\.\d{1,3}", r"\d+\.\d", r"\d+\.\d"),
}


def check_text(content: bytes, instrument: str) -> None:
    header, *lines = content.decode().splitlines()
    assert header.split(",") == COLUMNS
    pattern = re.compile(",".join(PATTERNS[instrument]))
    odd = [line for line in lines[::7] if not pattern.fullmatch(line)]
    assert len(odd) < 0.001 * len(lines), odd[:3]


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_numbers_are_written_as_the_challenge_writes_them(instrument):
    run = simulate_run(np.random.default_rng(0), instrument=instrument, config=TINY)
    check_text(run_to_csv(run), instrument)


@pytest.mark.real
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_that_is_how_the_challenge_writes_them(instrument, real_data):
    folder = real_data / "drivendata-mini"
    row = next(r for r in rows(folder / "metadata.csv") if r["instrument_type"] == instrument)
    with zipfile.ZipFile(folder / f"{row['split']}_features.zip") as archive:
        check_text(archive.read(row["features_path"]), instrument)
