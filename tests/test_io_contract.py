"""What every source of runs promises, whatever the format."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from egams.errors import InputError
from egams.io import RunReader, RunSource, open_source, read
from egams.run import Run
from io_samples import (
    BAD,
    KINDS,
    RUNS,
    assert_same,
    commercial,
    lay_csvs,
    lay_labels,
    lay_metadata,
    lay_parquet,
)


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> RunSource:
    return KINDS[request.param](tmp_path)


def test_gives_the_same_runs_whatever_the_format(source: RunSource) -> None:
    assert isinstance(source, RunSource)
    good = [run_id for run_id in source.ids if run_id != BAD]
    assert good
    assert list(source.ids) == sorted(source.ids)
    for run_id in good:
        assert_same(source.load(run_id), RUNS[run_id])


def test_survives_the_way_to_a_worker(source: RunSource) -> None:
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.name, copy.ids) == (source.name, source.ids)
    assert_same(copy.load(source.ids[0]), RUNS[source.ids[0]])
    assert copy.fingerprint(source.ids[0]) == source.fingerprint(source.ids[0])


def test_some_runs_of_it_are_a_source_of_their_own(source: RunSource) -> None:
    good = [run_id for run_id in source.ids if run_id != BAD]
    some = source.only(good[-1:])
    assert (some.name, some.ids) == (source.name, (good[-1],))
    assert isinstance(some, RunSource)
    assert_same(some.load(good[-1]), RUNS[good[-1]])
    assert some.fingerprint(good[-1]) == source.fingerprint(good[-1])
    if len(good) > 1:  # what workers are sent must not grow with the runs they have no use for
        assert len(pickle.dumps(some)) < len(pickle.dumps(source))
        with pytest.raises(InputError, match=f"no run '{good[0]}'"):
            some.load(good[0])


def test_lists_the_bad_run_and_goes_on(source: RunSource) -> None:
    reader = RunReader(source)
    assert len(reader) == len(source.ids)
    for _ in range(2):  # a second pass starts a new list
        used = [run.run_id for run in reader]
        skipped = [skipped.run_id for skipped in reader.skipped]
        assert sorted(used + skipped) == list(source.ids)
        assert skipped == [run_id for run_id in source.ids if run_id == BAD]
        assert all("column 'temp" in skipped.reason for skipped in reader.skipped)


def test_strict_raises_at_the_bad_run(source: RunSource) -> None:
    reader = RunReader(source, strict=True)
    if BAD in source.ids:
        with pytest.raises(InputError, match="row"):
            list(reader)
    else:
        assert len(list(reader)) == len(reader)


def test_names_an_unknown_run(source: RunSource) -> None:
    for call in (source.load, source.fingerprint):
        with pytest.raises(InputError, match=r"no run 'S00009'.*Did you mean S000"):
            call("S00009")


def test_fingerprints_tell_runs_apart(source: RunSource) -> None:
    prints = {run_id: source.fingerprint(run_id) for run_id in source.ids}
    assert len(set(prints.values())) == len(prints)


def test_what_is_open_already_is_passed_on(source: RunSource) -> None:
    assert open_source(source) is source
    assert open_source(RunReader(source)) is source
    with pytest.raises(InputError, match="open already"):
        open_source(source, split="train")


def test_one_run_in_memory_at_a_time() -> None:
    loaded: list[weakref.ref[Run]] = []

    class Counting:
        name, ids = "counting", ("a", "b", "c")

        def load(self, run_id: str) -> Run:
            assert all(old() is None for old in loaded)
            run = commercial(run_id, 1)
            loaded.append(weakref.ref(run))
            return run

        def fingerprint(self, run_id: str) -> str:
            return run_id

    reader = iter(RunReader(Counting()))
    assert [next(reader).run_id for _ in "abc"] == ["a", "b", "c"]


def test_a_fingerprint_changes_with_bytes_labels_and_instrument(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "runs")
    lay_labels(tmp_path / "labels.csv")
    path = tmp_path / "runs" / "S0001.csv"

    def fingerprint(**kwargs: object) -> str:
        return open_source(path, **kwargs).fingerprint("S0001")  # type: ignore[arg-type]

    before = fingerprint(), fingerprint(labels=tmp_path / "labels.csv")
    prints = {*before, fingerprint(instrument="sam_testbed")}
    path.write_bytes(path.read_bytes() + b"\n")
    assert len(prints | {fingerprint()}) == 4

    run = commercial("r", 1)
    changed = dataclasses.replace(run, abundance=run.abundance * 2)
    assert len({open_source(r).fingerprint("r") for r in (run, changed)}) == 2


def test_metadata_go_before_the_argument(tmp_path: Path) -> None:
    KINDS["challenge folder"](tmp_path)
    assert open_source(tmp_path, instrument="commercial").load("S0002").instrument == "sam_testbed"


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import egams.io, sys; assert not {'pyarrow', 'torch', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_split_of_the_challenge(tmp_path: Path) -> None:
    KINDS["challenge zips"](tmp_path)
    assert open_source(tmp_path, split="train").ids == ("S0001", "S0002", BAD)
    assert open_source(tmp_path, split="val").ids == ("S0004",)
    with pytest.raises(InputError, match=r"no run is of split 'test'.*train or val"):
        open_source(tmp_path, split="test")
    lay_parquet(tmp_path / "all.parquet", None)
    assert open_source(tmp_path / "all.parquet", split="val").ids == ("S0004",)


def test_rows_without_features_and_features_without_rows_are_listed(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "train_features")
    lay_metadata(tmp_path / "metadata.csv", tmp_path / "train_features")
    (tmp_path / "train_features" / "S0002.csv").unlink()
    (tmp_path / "train_features" / f"{BAD}.csv").rename(tmp_path / "train_features" / "S0099.csv")
    reader = read(tmp_path)
    assert [run.run_id for run in reader] == ["S0001", "S0004"]
    reasons = {skipped.run_id: skipped.reason for skipped in reader.skipped}
    assert list(reasons) == ["S0002", BAD, "S0099"]
    assert "row 3: the features of run 'S0002'" in reasons["S0002"]
    assert "no row for it" in reasons["S0099"]


def test_a_wrong_md5_sum_is_told(tmp_path: Path) -> None:
    KINDS["challenge folder"](tmp_path)
    path = tmp_path / "train_features" / "S0001.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert read(tmp_path, strict=True).source.load("S0001")
    with pytest.raises(InputError, match=r"S0001.csv: the md5 sum is.*row 2 of the metadata"):
        open_source(tmp_path, verify=True).load("S0001")


def test_runs_without_labels_or_metadata(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "runs")
    runs = {run.run_id: run for run in read(tmp_path / "runs")}
    assert runs["S0001"].labels is None
    assert (runs["S0001"].instrument, runs["S0002"].instrument) == ("commercial", "sam_testbed")
    assert any("instrument inferred from the data" in note for note in runs["S0002"].notes)
    forced = open_source(tmp_path / "runs", instrument="commercial").load("S0002")
    assert (forced.instrument, forced.notes[-1:]) == ("commercial", runs["S0002"].notes[:1])


@pytest.mark.real
def test_every_real_run_loads_and_its_md5_fits(real_data: Path) -> None:
    reader = read(real_data / "drivendata-mini", verify=True)
    runs = {run.run_id: run for run in reader}
    assert (len(reader), len(runs), reader.skipped) == (50, 50, [])
    assert sum(run.labels is not None for run in runs.values()) == 42
    table = open_source(real_data / "mars-ega" / "train_features.parquet")
    for run_id in ("S0005", "S0754"):  # commercial, SAM testbed
        run, same = runs[run_id], table.load(run_id)
        np.testing.assert_array_equal(run.mz, same.mz)
        np.testing.assert_allclose(run.abundance, same.abundance, rtol=1e-6)
        np.testing.assert_allclose(run.temperature, same.temperature, rtol=1e-6)
        assert run.temperature.ndim == (1 if run.instrument == "commercial" else 2)
