"""How fast a library of many runs answers: python benchmarks/library.py [--runs 20000]."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from egams.families import FAMILIES
from egams.library.library import Library
from egams.library.records import FoundRun

BUNDLES = ("a" * 64, "b" * 64)
AT_ONCE, REPEATS = 500, 7
NAMES = ("Gypsum", "Calcite", "Olivine", "Nontronite", "Perchlorate", "Blank")


def prediction(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return what a bundle predicts, as long as it usually is."""
    probability = rng.random(len(FAMILIES)).round(4)
    calls = np.where(
        probability > 0.8, "present", np.where(probability < 0.5, "absent", "uncertain")
    )
    families = {
        family: {"probability": p, "spread": 0.01, "draw_spread": 0.01, "call": call, "unseen": ""}
        for family, p, call in zip(FAMILIES, probability.tolist(), calls.tolist(), strict=True)
    }
    near = [{"sample_id": f"S{n:04}", "distance": 0.2, "families": ["sulfate"]} for n in range(5)]
    flags = ["far from the training runs"] if probability[0] > 0.9 else []
    found = {"sample_id": name, "instrument": "commercial", "families": families, "flags": flags}
    return found | {"nearest": near, "notes": ["temperature from a ramp of 35 degC a minute"]}


def fill(library: Library, runs: int, folder: Path, rng: np.random.Generator) -> None:
    """Keep runs, each predicted by one or two bundles."""
    file = folder / "table.csv"
    file.write_text("time,temp,m/z,abundance\n")
    library.submit("read", file.name, {}, file)
    work = library.claim("benchmark", ["read"], lease_s=3600)
    assert work is not None
    facts = {"scans": 900, "mz": list(range(12, 101)), "temperature": [25.0, 1000.0]}
    for first in range(0, runs, AT_ONCE):
        names = [
            f"{NAMES[n % len(NAMES)]} {n:05}" for n in range(first, min(runs, first + AT_ONCE))
        ]
        found = [
            FoundRun(name, "commercial", facts, (), prediction(name, rng), BUNDLES[0])
            for name in names
        ]
        ids = library.keep_runs(work, found, first, runs)
        for id, name in zip(ids, names, strict=True):
            if id % 10 == 0:
                library.keep_answer(id, BUNDLES[1], "prediction", prediction(name, rng))
    library.finish(work)


def timed(call: Callable[[], object]) -> str:
    """Return the median of the processor's time and of the clock's."""
    taken = []
    for _ in range(REPEATS):
        clock, processor = time.perf_counter(), time.process_time()
        call()
        taken.append((time.process_time() - processor, time.perf_counter() - clock))
    processor, clock = 1e3 * np.median(taken, axis=0)
    return f"{processor:.1f} ms of processor time, {clock:.1f} ms by the clock"


def main() -> None:
    """Fill a library, and print how long questions take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lab.db"
        with Library.open(path) as library:
            begun = time.perf_counter()
            fill(library, arguments.runs, Path(folder), np.random.default_rng(0))
            print(f"{arguments.runs} runs kept in {time.perf_counter() - begun:.1f} s")
            print(f"{path.stat().st_size / 2**20:.0f} MiB")
            questions: dict[str, dict[str, Any]] = {
                "newest": {"descending": True},
                "the last page": {"offset": arguments.runs - 50},
                "search": {"search": "calcite 99"},
                "search for what is not there": {"search": "nowhere"},
                "by probability": {"sort": "sulfate", "descending": True},
                "present": {"call": ("sulfate", "present"), "sort": "sulfate"},
                "flagged, by name": {"flagged": True, "sort": "name"},
                "stale": {"stale": True},
            }
            for name, question in questions.items():
                ask = partial(library.runs, bundle=BUNDLES[1], **question)
                print(f"  {name}: {timed(ask)}")
        print(f"  opened: {timed(lambda: Library.open(path).close())}")


if __name__ == "__main__":
    main()
