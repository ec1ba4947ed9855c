"""How long people wait: `egams --help`, and `egams predict` of one CSV, each a process of its own.

Targets: 0.09 s for the help; for a prediction with the shipped bundle 0.5 s and 200 MB, without
any of the packages that only training needs.

    python benchmarks/startup.py [--bundle families.bundle] [--run run.csv] [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from egams.io import write_csv
from egams.simulate import simulate_run

EGAMS = Path(sys.executable).with_name("egams")
HELP_TARGET, PREDICT_TARGET, MEMORY_TARGET = 0.09, 0.5, 200.0
ONLY_TO_TRAIN = {"torch", "timm", "lightgbm", "catboost", "sklearn", "pandas"}
MODULES = (
    "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    "from egams.cli.main import main; main()"
)


def measure(arguments: list[str], repeats: int) -> tuple[list[float], float]:
    """Seconds of the whole process, several times, after once to fill caches; and peak MB."""
    seconds, memory = [], 0.0
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        process = subprocess.Popen([str(EGAMS), *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        spent = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"egams {' '.join(arguments)} failed")
        if repeat:
            seconds.append(spent)
            memory = max(memory, usage.ru_maxrss / 1024)
    return seconds, memory


def loaded(arguments: list[str]) -> set[str]:
    """Packages that the command has loaded at its end."""
    command = [sys.executable, "-c", MODULES, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


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
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(
        f"{platform.machine()}, {cores} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    show("egams --help", measure(["--help"], given.repeats)[0], HELP_TARGET)
    with tempfile.TemporaryDirectory() as scratch:
        run = given.run or Path(scratch) / "run.csv"
        if given.run is None:
            write_csv(simulate_run(np.random.default_rng(1), run_id="run"), run)
        bundle = ["--bundle", str(given.bundle)] if given.bundle else []
        command = ["predict", str(run), *bundle]
        seconds, memory = measure(command, given.repeats)
        unneeded = loaded(command) & ONLY_TO_TRAIN
    show("egams predict one CSV", seconds, PREDICT_TARGET)
    verdict = "met" if memory <= MEMORY_TARGET else "MISSED"
    print(f"{'  peak memory':34} {memory:5.0f} MB   target {MEMORY_TARGET:.0f} MB: {verdict}")
    print(f"{'  loaded, and only for training':34} {', '.join(sorted(unneeded)) or 'nothing'}")


if __name__ == "__main__":
    main()
