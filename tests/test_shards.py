"""Predictions in shards: those of all at once, each shard written once, whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
import torch
from typer.testing import CliRunner

from egams.artifact import MANIFEST, sealed, write_json
from egams.cli.main import app
from egams.ensemble import shards
from egams.ensemble.bundle import NEAREST_SHOWN, SHIPPED, load_bundle
from egams.ensemble.predictions import Predictions, RunPrediction
from egams.ensemble.shards import SHARDS, predict_shards, read_shards
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.families import FAMILIES
from egams.io import write_csv
from egams.jobs import device
from shard_samples import predict_shard_or_die_once
from training_samples import labelled_runs

RUNS, IN_SHARD, DRAWS = 10, 4, 2
BROKEN = "time,temp,m/z,abundance\n0,hot,18,1e-9\n"
PATHS = [f"shard-{number:05d}.parquet" for number in range(3)]


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of both instruments; two in one shard cannot be used, nor can any of the last shard."""
    folder = tmp_path_factory.mktemp("shards") / "runs"
    folder.mkdir()
    for run in labelled_runs(RUNS, 5, sam=3):
        write_csv(run, folder / f"{run.run_id}.csv")
    for name in ("X004", "X006", "X008", "X009"):
        (folder / f"{name}.csv").write_text(BROKEN, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(csvs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All shards, predicted here."""
    return predicted(csvs, tmp_path_factory.mktemp("whole") / "out")


def predicted(source: Path, folder: Path, **changes: object) -> Path:
    settings = {"runs_per_shard": IN_SHARD, "draws": DRAWS, "jobs": 1} | changes
    return predict_shards(None, source, folder, **settings)  # type: ignore[arg-type]


def joined(parts: list[Predictions]) -> Predictions:
    return Predictions(
        [run for part in parts for run in part], [run for part in parts for run in part.skipped]
    )


def assert_same(first: Predictions, second: Predictions) -> None:
    """But for rounding: a job has one thread for sums of products, and others may have more."""
    assert first.skipped == second.skipped
    for here, there in zip(first, second, strict=True):
        for entry in fields(RunPrediction):
            one, other = getattr(here, entry.name), getattr(there, entry.name)
            if isinstance(one, np.ndarray) and one.dtype.kind == "f":
                np.testing.assert_allclose(one, other, atol=1e-5)
            elif entry.name == "nearest":
                assert [each.run_id for each in one] == [each.run_id for each in other]
            else:
                assert np.array_equal(one, other)


def test_shards_say_what_all_at_once_say(
    csvs: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = joined(list(read_shards(whole)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        monkeypatch.setattr("egams.ensemble.bundle.RUNS_IN_PART", IN_SHARD)
        assert_same(read, load_bundle().predict(csvs, draws=DRAWS))
        monkeypatch.setattr("egams.ensemble.bundle.RUNS_IN_PART", RUNS)
        at_once = load_bundle().predict(csvs, draws=DRAWS)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(read.probabilities, at_once.probabilities, rtol=0, atol=1e-6)
    assert all(len(run.nearest) == NEAREST_SHOWN for run in read)
    assert [entry.run_id for entry in read.skipped] == ["X004", "X006", "X008", "X009"]
    assert all("hot" in entry.reason for entry in read.skipped)


def test_any_reader_of_parquet_finds_a_row_for_each_run_in_order(whole: Path) -> None:
    table = pyarrow.dataset.dataset(whole / SHARDS).to_table()
    assert table["sample_id"].to_pylist() == [f"X{number:03d}" for number in range(RUNS)]
    used = table["skipped"].is_null().to_numpy()
    assert used.sum() == RUNS - 4
    for family in FAMILIES:
        assert (table[family].is_valid().to_numpy() == used).all()
    assert sorted(path.name for path in (whole / SHARDS).iterdir()) == PATHS


def test_several_processes_write_the_same(csvs: Path, whole: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    folder = predicted(csvs, tmp_path / "out", jobs=2, progress=lambda *counts: done.append(counts))
    assert_same(joined(list(read_shards(folder))), joined(list(read_shards(whole))))
    assert done[0] == (0, RUNS)
    assert done[-1] == (RUNS, RUNS)


def test_a_killed_command_goes_on_and_writes_no_shard_twice(
    csvs: Path, whole: Path, tmp_path: Path
) -> None:
    """The parent is killed in the second shard, its worker with it."""
    folder = tmp_path / "out"
    code = (
        "import sys, time; from egams.ensemble import shard_records, shards\n"
        "write = shard_records.written_whole\n"
        "def slowly(path):\n"
        "    if '00001' in path.name: print('now', flush=True); time.sleep(60)\n"
        "    return write(path)\n"
        "shard_records.written_whole = slowly\n"
        "shards.predict_shards(None, sys.argv[1], sys.argv[2], runs_per_shard=4, draws=2, jobs=1)\n"
    )
    command = [sys.executable, "-c", code, str(csvs), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.kill()
    with pytest.raises(ArtifactError, match=r"2 of 3 shards are not there.*shard-00001"):
        read_shards(folder)
    # What a process leaves that was killed while it wrote.
    (folder / SHARDS / ".shard-00001.parquet.1.tmp").write_bytes(b"PAR1")
    before = (folder / SHARDS / PATHS[0]).stat()
    predicted(csvs, folder)
    after = (folder / SHARDS / PATHS[0]).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(path.name for path in (folder / SHARDS).iterdir()) == PATHS
    assert_same(joined(list(read_shards(folder))), joined(list(read_shards(whole))))


def test_a_killed_worker_loses_nothing(
    csvs: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "predict_shard", predict_shard_or_die_once)
    folder = predicted(csvs, tmp_path / "out", jobs=2)
    assert (folder / "died").exists()
    assert_same(joined(list(read_shards(folder))), joined(list(read_shards(whole))))


def test_two_jobs_are_never_mixed(csvs: Path, whole: Path, tmp_path: Path) -> None:
    for changes, what in (
        ({"draws": 1}, "draws"),
        ({"seed": 1}, "seed"),
        ({"runs_per_shard": 5}, "runs_per_shard"),
    ):
        with pytest.raises(ArtifactError, match=f"made with {what} = .*choose another folder"):
            predicted(csvs, whole, **changes)
    changed = Path(shutil.copytree(csvs, tmp_path / "runs"))
    os.utime(changed / "X001.csv", ns=(0, time.time_ns()))
    with pytest.raises(ArtifactError, match="made with source = "):
        predicted(changed, whole)
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ArtifactError, match="holds files that egams did not make"):
        predicted(csvs, tmp_path)
    with pytest.raises(ConfigError, match="runs_per_shard is 0"):
        predicted(csvs, tmp_path / "out", runs_per_shard=0)
    with pytest.raises(ArtifactError, match="expected a bundle"):
        predict_shards(tmp_path, csvs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_bundle_is_another_job(csvs: Path, whole: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    manifest = json.loads((other / MANIFEST).read_text(encoding="utf-8"))
    manifest["ensemble"]["whole"]["clips"]["commercial"] = 0.3
    write_json(other / MANIFEST, sealed(manifest))
    with pytest.raises(ArtifactError, match="made with bundle = "):
        predict_shards(other, csvs, whole, runs_per_shard=IN_SHARD, draws=DRAWS, jobs=1)


def test_strict_fails_the_shards_with_bad_runs_and_keeps_the_others(
    csvs: Path, tmp_path: Path
) -> None:
    with pytest.raises(EgamsError, match=r"(?s)2 of 3 shards failed.*shard-00001: .*X004"):
        predicted(csvs, tmp_path / "out", strict=True)
    assert [path.name for path in (tmp_path / "out" / SHARDS).iterdir()] == PATHS[:1]


def test_a_bundle_is_brought_to_a_gpu_once_for_all_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "device_named", lambda _name: torch.device("meta"))
    bundle = load_bundle()
    there = bundle._on("cuda")
    assert there is bundle._on("cuda")
    assert there.device == "meta"
    for here, moved in zip(bundle.members, there.members, strict=True):
        if here.experiment.model.kind == "conv1d":
            assert not any(a is b for a, b in zip(here.predictors, moved.predictors, strict=True))


def test_a_damaged_shard_is_named(whole: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(whole, tmp_path / "out"))
    (damaged / SHARDS / PATHS[1]).write_bytes(b"PAR1 no more")
    with pytest.raises(ArtifactError, match=r"shard-00001.parquet: cannot be read.*again"):
        list(read_shards(damaged))


def test_the_command_says_what_it_did_and_refuses_what_makes_no_sense(
    csvs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["predict", str(csvs), "--runs-per-shard", "4", "--draws", "1", "--jobs", "1"]
    done = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "out")])
    assert done.exit_code == 3  # one run is skipped
    assert "6 runs used, 4 skipped" in done.stdout
    assert "skipped X008:" in done.stdout
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    without_a_gpu = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "2"), "--device", "cuda"])
    assert isinstance(without_a_gpu.exception, ConfigError)
    assert "torch sees no GPU here" in str(without_a_gpu.exception)
    refused = CliRunner().invoke(app, asked)
    assert isinstance(refused.exception, ConfigError)
    assert "expected --output FOLDER" in str(refused.exception)
