"""How long people wait: `egams --help`, and `egams predict` of one CSV, each a process of its own.

Targets on two cores: 0.3 s for the help; 5 s for a prediction with the shipped bundle and 16
test-time draws, of which 1 s is not import.

    python benchmarks/startup.py [--bundle families.bundle] [--run run.csv] [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egams.io import write_csv
from egams.simulate import simulate_run

EGAMS = Path(sys.executable).with_name("egams")
IMPORT_LINE = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)
HELP_TARGET, PREDICT_TARGET, OWN_TARGET = 0.3, 5.0, 1.0


@dataclass(frozen=True)
class Times:
    """Seconds of a whole process, and of them those spent importing, `[repeat]`."""

    whole: list[float]
    importing: list[float]

    @property
    def own(self) -> list[float]:
        """Seconds that are not import."""
        return [whole - part for whole, part in zip(self.whole, self.importing, strict=True)]


def measure(arguments: list[str], repeats: int) -> Times:
    """Run the command several times, after once to fill caches."""
    command = [sys.executable, "-X", "importtime", str(EGAMS), *arguments]
    times = Times([], [])
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        whole = time.perf_counter() - started
        if repeat:
            microseconds = sum(int(own) for own in IMPORT_LINE.findall(done.stderr))
            times.whole.append(whole)
            times.importing.append(microseconds / 1e6)
    return times


def make_run(folder: Path) -> Path:
    """Write a commercial run of full length."""
    run = simulate_run(np.random.default_rng(1), run_id="run")
    write_csv(run, folder / "run.csv")
    return folder / "run.csv"


def show(what: str, seconds: list[float], target: float) -> None:
    """Print best and median beside the target."""
    best, median = min(seconds), statistics.median(seconds)
    verdict = "met" if median <= target else "MISSED"
    print(f"{what:34} best {best:5.2f} s   median {median:5.2f} s   target {target} s: {verdict}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, help="bundle to predict with; else the shipped")
    parser.add_argument("--run", type=Path, help="CSV to predict; else one is simulated")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {cores} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    show("egams --help", measure(["--help"], given.repeats).whole, HELP_TARGET)
    with tempfile.TemporaryDirectory() as scratch:
        run = given.run or make_run(Path(scratch))
        bundle = ["--bundle", str(given.bundle)] if given.bundle else []
        times = measure(["predict", str(run), *bundle, "--draws", "16"], given.repeats)
    show("egams predict, 16 draws", times.whole, PREDICT_TARGET)
    show("  of which not import", times.own, OWN_TARGET)


if __name__ == "__main__":
    main()
