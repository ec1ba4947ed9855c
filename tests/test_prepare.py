"""`prepare`: the same bytes however it got there, killed and resumed, alone or with helpers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from egams.artifact import MANIFEST, header, written_whole
from egams.errors import ArtifactError, ConfigError, EgamsError, InputError
from egams.io import RunSource, open_source, read, write_csv
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_runs
from egams.store import prepare as prepare_module
from egams.store.prepare import prepare, prepare_in_parts
from egams.store.run_store import DATA, RunStore

CONFIG = SimulationConfig(sam_share=0.3, scans=25, sam_sweeps=25)


def thinned(run: Run) -> Run:
    """Every seventh m/z: a baseline costs what it costs."""
    some = slice(None, None, 7)
    per_reading = run.temperature.ndim == 2
    return replace(
        run,
        mz=run.mz[some],
        abundance=run.abundance[:, some],
        temperature=run.temperature[:, some] if per_reading else run.temperature,
        time=run.time[:, some] if per_reading else run.time,
    )


GOOD = tuple(thinned(run) for run in simulate_runs(6, np.random.default_rng(0), config=CONFIG))
COLD = replace(GOOD[0], run_id="cold", temperature=GOOD[0].temperature / 50)


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of two runs, so that six runs are three tasks."""
    monkeypatch.setattr(prepare_module, "RUNS_PER_TASK", 2)


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six good runs as CSVs; between them one that is too cold and one that is no run at all."""
    folder = tmp_path_factory.mktemp("csvs")
    for run in (*GOOD, COLD):
        write_csv(run, folder / f"{run.run_id}.csv")
    (folder / "S0002x.csv").write_text("time,temp,m/z,abundance\n0,hot,4,1\n")
    return folder


@pytest.fixture(scope="module")
def whole(csvs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a store that was prepared without interruption."""
    output = tmp_path_factory.mktemp("whole") / "store"
    prepare(csvs, output, jobs=1)
    return files_of(output)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_jobs_tasks_and_memory_make_no_difference(csvs, whole, tmp_path, monkeypatch):
    assert set(whole) == {MANIFEST, DATA}
    prepare(csvs, tmp_path / "two", jobs=2)
    assert files_of(tmp_path / "two") == whole
    monkeypatch.setattr(prepare_module, "RUNS_PER_TASK", 16)
    prepare(csvs, tmp_path / "together", jobs=1)
    assert files_of(tmp_path / "together") == whole
    in_memory = prepare(read(csvs), jobs=1)
    assert in_memory.path is None
    assert json.loads(whole[MANIFEST]) == in_memory.manifest.content()
    copied = in_memory.path_or_copy(tmp_path / "copy")
    assert files_of(copied) == whole
    assert RunStore.open(copied).path_or_copy(tmp_path / "not needed") == copied


def test_what_cannot_be_used_is_listed_and_counted(csvs, whole):
    manifest = json.loads(whole[MANIFEST])
    skipped = {entry["run_id"]: entry["reason"] for entry in manifest["skipped"]}
    assert list(skipped) == ["S0002x", "cold"]
    assert "S0002x.csv, row 2, column 'temp'" in skipped["S0002x"]
    assert "'cold': no reading is left" in skipped["cold"]
    assert len(manifest["runs"]) + len(skipped) == len(open_source(csvs).ids)
    counts: list[tuple[int, int]] = []
    prepare(csvs, jobs=1, progress=lambda done, total: counts.append((done, total)))
    assert counts == [(done, 8) for done in range(1, 9)]


def test_parts(csvs):
    parts = list(prepare_in_parts(csvs, 3, jobs=1))
    assert [len(part) for part in parts] == [3, 2, 1]
    assert [len(part.skipped) for part in parts] == [0, 1, 1]


def test_processes_that_cannot_start_are_needed_only_where_requested(csvs, tmp_path, monkeypatch):
    monkeypatch.setattr("egams.processes._main_is_in_no_file", lambda: True)
    monkeypatch.setattr("egams.pool.ProcessPoolExecutor", None)
    monkeypatch.setattr(prepare_module, "RUNS_PER_TASK", 16)
    assert len(prepare(csvs, jobs=2)) > 0, "one task needs no process"
    monkeypatch.setattr(prepare_module, "RUNS_PER_TASK", 2)
    assert len(prepare(csvs)) > 0
    with pytest.raises(ConfigError, match=r"piped to Python is in no file; save it"):
        prepare(csvs, tmp_path / "store", jobs=2)
    with pytest.raises(ConfigError, match="jobs is 0; expected 1 or more"):
        prepare(csvs, tmp_path / "store", jobs=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("to_file", [False, True])
def test_strict_raises_at_the_first_bad_run(csvs, tmp_path, jobs, to_file):
    output = tmp_path / "store" if to_file else None
    with pytest.raises(InputError, match=r"S0002x.csv, row 2, column 'temp'.*\.$"):
        prepare(csvs, output, jobs=jobs, strict=True)
    assert not (tmp_path / "store").exists()
    if to_file:
        prepare(csvs, output, jobs=jobs)
        assert len(RunStore.open(output).skipped) == 2


def test_strict_does_not_overlook_what_was_skipped_before_a_kill(csvs, tmp_path):
    stop_after(7, csvs, tmp_path / "store")
    with pytest.raises(InputError, match="S0002x"):
        prepare(csvs, tmp_path / "store", jobs=1, strict=True)


def test_nothing_can_be_used(tmp_path):
    for output in (None, tmp_path / "store"):
        with pytest.raises(InputError, match=r"none of its 1 runs can be used: .*'cold'"):
            prepare(iter([COLD]), output, jobs=1)
    assert list(tmp_path.iterdir()) == []


# Killed and resumed.


class Stopped(Exception):  # noqa: N818
    """Stands for a kill: nothing of `prepare` runs after it."""


def stop_after(runs: int, source: Path | RunSource, output: Path) -> None:
    def progress(done: int, total: int) -> None:
        if done > runs:
            raise Stopped

    with pytest.raises(Stopped):
        prepare(source, output, jobs=1, progress=progress)
    assert not output.exists()


@dataclass(frozen=True)
class Counting:
    """A source that notes which runs are loaded."""

    source: RunSource
    loaded: list[str]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def ids(self) -> tuple[str, ...]:
        return self.source.ids

    def load(self, run_id: str) -> Run:
        self.loaded.append(run_id)
        return self.source.load(run_id)

    def fingerprint(self, run_id: str) -> str:
        return self.source.fingerprint(run_id)

    def only(self, ids: Sequence[str]) -> RunSource:
        return Counting(self.source.only(ids), self.loaded)


@pytest.mark.parametrize("runs", range(9))
def test_resumes_where_it_stopped(csvs, whole, tmp_path, runs):
    output = tmp_path / "store"
    if runs < 8:
        stop_after(runs, csvs, output)
    else:
        prepare(csvs, tmp_path / "store", jobs=1)
        output = tmp_path / "again"
    source = Counting(open_source(csvs), [])
    prepare(source, output, jobs=1)
    assert files_of(output) == whole
    assert source.loaded == list(source.ids[runs if runs < 8 else 0 :])
    assert not output.with_name("store.partial").exists()


TEARS: dict[str, tuple[Callable[[Path], object], int]] = {
    "half a line": (lambda p: _cut(p / "journal.jsonl", 9), 4),
    "line without its end": (lambda p: _cut(p / "journal.jsonl", 1), 4),
    "garbage for a line": (lambda p: _overwrite(p / "journal.jsonl", -60, b"\0" * 59), 4),
    "half a block": (lambda p: _cut(p / DATA, 100), 4),
    "a block's bytes never came": (lambda p: _overwrite(p / DATA, -500, b"\0" * 500), 4),
    "bytes without a line": (lambda p: _append(p / DATA, b"\1" * 1234), 5),
    "no data": (lambda p: (p / DATA).unlink(), 2),
    "no journal": (lambda p: (p / "journal.jsonl").unlink(), 0),
    "empty journal": (lambda p: (p / "journal.jsonl").write_bytes(b""), 0),
    "another format": (lambda p: _replace(p / "journal.jsonl", b"format_version", b"f"), 0),
    "a manifest half written": (lambda p: (p / f".{MANIFEST}.7.tmp").write_text("{"), 5),
}


@pytest.mark.parametrize("tear", TEARS)
def test_what_was_written_by_halves_is_done_again(whole, csvs, tmp_path, tear):
    output = tmp_path / "store"
    stop_after(5, csvs, output)
    act, kept = TEARS[tear]
    act(tmp_path / "store.partial")
    source = Counting(open_source(csvs), [])
    prepare(source, output, jobs=1)
    assert {name: files_of(output)[name] for name in (DATA, MANIFEST)} == whole
    if tear != "no data":
        assert source.loaded == list(source.ids[kept:])


def _cut(path: Path, size: int) -> None:
    os.truncate(path, path.stat().st_size - size)


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def _overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END)
        file.write(content)


def _replace(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new))


def test_a_run_that_changed_is_prepared_again(csvs, tmp_path):
    runs = list(GOOD)
    stop_after(4, open_source(runs), tmp_path / "store")
    runs[1] = replace(runs[1], labels=1 - runs[1].labels)
    source = Counting(open_source(runs), [])
    resumed = prepare(source, tmp_path / "store", jobs=1)
    assert source.loaded == [run.run_id for run in runs[1:]]
    assert resumed.manifest == prepare(runs, jobs=1).manifest


SLOW = """
import sys, time
from egams.store import prepare as module

module.RUNS_PER_TASK = 1

if __name__ == "__main__":
    module.prepare(sys.argv[1], sys.argv[2], jobs=int(sys.argv[3]),
                   progress=lambda done, total: time.sleep(0.2))
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_process_is_resumed(csvs, whole, tmp_path, jobs):
    output, script = tmp_path / "store", tmp_path / "slow.py"
    script.write_text(SLOW)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, str(script), str(csvs), str(output), str(jobs)],
        env=environment,
        start_new_session=True,
    )
    lines = tmp_path / "store.partial" / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not lines.is_file() or lines.read_bytes().count(b"\n") < 4:
        assert process.poll() is None, "finished before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists()
    source = Counting(open_source(csvs), [])
    prepare(source, output, jobs=1)
    assert files_of(output) == whole
    assert 0 < len(source.loaded) <= 5


def test_a_worker_that_dies_says_so(csvs, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "_prepare_task", _die)
    with pytest.raises(EgamsError, match=r"worker process died.*fewer jobs"):
        prepare(csvs, tmp_path / "store", jobs=2)


def _die(source: RunSource, ids: list[str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# Where to: nothing but an earlier store is ever replaced.


def test_an_earlier_store_is_replaced(csvs, whole, tmp_path):
    prepare(GOOD[0], tmp_path / "store", jobs=1)
    assert len(RunStore.open(tmp_path / "store")) == 1
    prepare(csvs, tmp_path / "store", jobs=1)
    assert files_of(tmp_path / "store") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_empty_folder_is_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    assert prepare(GOOD[0], "store", jobs=1).ids == (GOOD[0].run_id,)


def test_anything_else_is_refused_and_kept(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / MANIFEST).write_text(json.dumps(header("bundle", 1)))
    others = tmp_path / "json"
    others.mkdir()
    (others / "package.json").write_text('{"kind": "store"}')
    file = tmp_path / "file"
    file.write_text("text")
    for path, words in (
        (mine, "files that egams did not make"),
        (bundle, "holds a bundle"),
        (others, "files that egams did not make"),
        (file, "is a file; expected a folder"),
    ):
        before = files_of(path) if path.is_dir() else path.read_bytes()
        source = Counting(open_source(GOOD[0]), [])
        with pytest.raises(ArtifactError, match=words):
            prepare(source, path, jobs=1)
        assert source.loaded == []  # told at once, not after an hour of work
        assert before == (files_of(path) if path.is_dir() else path.read_bytes())
        assert not path.with_name(f"{path.name}.partial").exists()


def test_a_folder_that_looks_like_a_store_under_way_is_kept(tmp_path):
    partial = tmp_path / "store.partial"
    partial.mkdir()
    (partial / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match=r"'thesis.txt', which egams did not put there"):
        prepare(GOOD[0], tmp_path / "store", jobs=1)
    assert files_of(partial) == {"thesis.txt": b"years of work"}


def test_written_whole(tmp_path):
    """The same for every artifact: a file or folder appears whole, or what was there stays."""
    target = tmp_path / "table.csv"
    with written_whole(target) as temporary:
        temporary.write_text("a,b")
    with pytest.raises(Stopped), written_whole(target) as temporary:
        temporary.write_text("half")
        raise Stopped
    assert files_of(tmp_path) == {"table.csv": b"a,b"}
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(ArtifactError, match="is a folder"),
        written_whole(tmp_path / "folder") as temporary,
    ):
        temporary.write_text("a")
    with (
        pytest.raises(ArtifactError, match="is a file"),
        written_whole(target) as temporary,
    ):
        temporary.mkdir()
    assert target.read_text() == "a,b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "table.csv"]
