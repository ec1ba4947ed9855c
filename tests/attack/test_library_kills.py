"""Processes that share a library and are killed: nothing lost, nothing half, nothing twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from egams.library.database import check_all
from egams.library.library import Library
from library_samples import (
    RUNS,
    file_of_runs,
    found,
    runs_in,
    start,
    submits,
    submits_and_works,
    work_off,
    works,
)

PROCESSES, FILES, KILLS = 4, 12, 20
LEASE = 0.2


def refuse_loss(path: Path) -> int:
    """See that every work is done and every run of every file is there once; count the files."""
    check_all(path, path)
    with Library.open(path) as library:
        all_work = library.works(limit=-1)
        assert {work.state for work in all_work} <= {"done"}
        expected = [name for work in all_work for name in runs_in(library, work)]
        runs, total = library.runs(limit=-1)
        assert total == len(runs)
        assert Counter(run.name for run in runs) == Counter(expected)
        assert all(run.prediction is not None for run in runs)
        assert all(len(work.runs) == RUNS == work.done == work.total for work in all_work)
        return len(all_work)


@pytest.mark.skipif(os.name == "nt", reason="a server of forks")
def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    four = [start(submits_and_works, path, tmp_path, who, FILES) for who in range(PROCESSES)]
    for process in four:
        process.join(120)
        assert process.exitcode == 0
    assert refuse_loss(path) == PROCESSES * FILES
    with Library.open(path) as library:
        assert all(library.setting(f"ended {who}") for who in range(PROCESSES))


def test_eight_threads_of_one_library_lose_nothing(tmp_path: Path) -> None:
    with Library.open(tmp_path / "lab.db") as library:
        files = [file_of_runs(tmp_path, f"{n}", n) for n in range(16)]
        errors: list[BaseException] = []

        def use(who: int) -> None:
            try:
                for file in files[who::8]:
                    library.submit("read", file.name, {}, file)
                work_off(library, f"thread {who}")
                library.runs(search="1")
            except BaseException as error:  # shown by the assertion below
                errors.append(error)

        threads = [threading.Thread(target=use, args=(who,)) for who in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        work_off(library, "the last")
    assert refuse_loss(tmp_path / "lab.db") == len(files)


@pytest.mark.skipif(os.name == "nt", reason="no kill -9 there")
def test_kills_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    path, rng = tmp_path / "lab.db", np.random.default_rng(9)
    for round_ in range(KILLS):
        pair = [start(submits, path, tmp_path, round_, 1000), start(works, path, LEASE)]
        time.sleep(rng.uniform(0.02, 0.25))
        for process in pair:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    promised = [
        int(line) for log in tmp_path.glob("promised-*") for line in log.read_text().splitlines()
    ]
    with Library.open(path) as library:
        time.sleep(2 * LEASE)
        work_off(library, "the last", lease_s=60)
        kept = {work.id for work in library.works(limit=-1)}
        again = [work for work in library.works(limit=-1) if work.claims > 1]
    assert len(promised) > KILLS
    assert kept >= set(promised)
    assert refuse_loss(path) == len(kept)
    assert again, "no kill fell into work: the test shows less than it should"


@pytest.mark.skipif(os.name == "nt", reason="no kill -9 there")
def test_a_kill_within_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with Library.open(path) as library:
        file = file_of_runs(tmp_path, "one", 1)
        library.submit("read", "one", {}, file)
    process = start(_half, path)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with Library.open(path) as library:
        assert library.runs() == ([], 0)
        (work,) = library.works()
        assert (work.state, work.done) == ("working", 0)
        assert work_off(library, "the last") == 1
    assert refuse_loss(path) == 1


def _half(path: Path) -> None:
    """Die with two runs written and not committed."""
    library = Library.open(path)
    work = library.claim("half", ["read"], lease_s=0.0)
    assert work is not None
    with library.writing() as db:
        db.execute("UPDATE work SET done = 2")
        db.execute(
            "INSERT INTO runs (file, file_name, run_id, reading, name, instrument, facts, notes, "
            "added, words) VALUES (?, '', ?, '{}', ?, '', '{}', '[]', '', '')",
            (work.file, found("one-0").run_id, "one-0"),
        )
        os.kill(os.getpid(), signal.SIGKILL)
