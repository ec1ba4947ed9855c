"""What processes do with a library: submit files, work at them, until they are done or killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from egams.families import FAMILIES
from egams.library.library import Library
from egams.library.records import FoundRun, Work

BUNDLE = "a" * 64
RUNS = 6
PADDING = 300_000
"""Bytes of a file that nothing packs: to write them takes long enough to be killed meanwhile."""


def prediction(name: str, **calls: str) -> dict[str, Any]:
    """Return what a bundle predicts, as `RunPrediction.details()` has it."""
    values = {"present": 0.9, "absent": 0.1, "uncertain": 0.5}
    return {
        "sample_id": name,
        "instrument": "commercial",
        "families": {
            family: {
                "probability": values[calls.get(family, "absent")],
                "call": calls.get(family, "absent"),
            }
            for family in FAMILIES
        },
        "flags": ["far from the training runs"] if calls else [],
        "nearest": [],
        "notes": [],
    }


def found(name: str, **calls: str) -> FoundRun:
    """Return a run as a worker finds it."""
    return FoundRun(name, "commercial", {"scans": 3}, (), prediction(name, **calls), BUNDLE)


def file_of_runs(folder: Path, name: str, seed: int) -> Path:
    """Write a file that names its runs and is long."""
    padding = np.random.default_rng(seed).bytes(PADDING).hex()[:PADDING]
    path = folder / name
    path.write_text(json.dumps([[f"{name}-{number}" for number in range(RUNS)], padding]))
    return path


def runs_in(library: Library, work: Work) -> list[str]:
    """Return the names of the runs in a work's file."""
    assert work.file is not None
    names: list[str] = json.loads(library.content(work.file))[0]
    return names


def work_off(library: Library, owner: str, *, for_ever: bool = False, lease_s: float = 20) -> int:
    """Do the work that there is, two runs at a time; return how much it was."""
    done = 0
    while True:
        work = library.claim(owner, ["read"], lease_s)
        if work is None:
            if not for_ever:
                return done
            time.sleep(0.005)
            continue
        names, settled = runs_in(library, work), library.settled(work)
        open_ones = [name for name in names if name not in settled]
        for first in range(0, len(open_ones), 2):
            pair = open_ones[first : first + 2]
            kept = len(settled) + first + len(pair)
            library.keep_runs(work, [found(name) for name in pair], kept, len(names))
        library.finish(work, {"runs": len(names)})
        done += 1


def submits(path: Path, folder: Path, who: int, count: int) -> None:
    """Submit files, noting each that was promised to be kept."""
    with Library.open(path) as library:
        for number in range(count):
            file = file_of_runs(folder, f"{who}-{number}", 1000 * who + number)
            work = library.submit("read", file.name, {}, file)
            with (folder / f"promised-{who}").open("a") as log:
                log.write(f"{work.id}\n")


def works(path: Path, lease_s: float) -> None:
    """Work until killed."""
    with Library.open(path) as library:
        work_off(library, f"process {os.getpid()}", for_ever=True, lease_s=lease_s)


def submits_and_works(path: Path, folder: Path, who: int, count: int) -> None:
    """Do both, and write remarks between."""
    submits(path, folder, who, count)
    with Library.open(path) as library:
        work_off(library, f"process {os.getpid()}")
        library.set_setting(f"ended {who}", os.getpid())


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a process and return when it runs: quickly, from one that has imported the library."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["library_samples"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(there, target, arguments), daemon=True)
    process.start()
    assert here.poll(60)
    return process


def _run(started: Connection, target: Callable[..., None], arguments: Sequence[object]) -> None:
    started.send(True)
    target(*arguments)
