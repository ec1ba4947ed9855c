"""What a change costs: processor time of the same commands by this checkout and an earlier one.

    python benchmarks/cost.py REVISION [--rounds 7]

The two take turns, in an order that changes from round to round, so that what else the machine does
falls on both. Each has stores and studies of its own. Ratios of medians; 1.03 may be reached.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from egams.cli.show import console
from egams.evaluate.table import Table

ROOT = Path(__file__).parents[1]
RUNS = 40
TRAINING = [
    "--experiment",
    "small_resnet34",
    "--folds",
    "2",
    "--draws",
    "1",
    "--epochs-share",
    "0.02",
]
COMMANDS = {
    "prepare": ["prepare", "{runs}", "--split", "train", "-o", "{own}/store", "--jobs", "1"],
    "predict one run": ["predict", "{one}", "-o", "{own}/one.csv", "--jobs", "1"],
    "predict": ["predict", "{runs}", "--split", "train", "-o", "{own}/all.csv", "--jobs", "1"],
    "cross-validate": [
        "cross-validate",
        "{own}/store",
        "-o",
        "{own}/study",
        "--jobs",
        "1",
        *TRAINING,
    ],
}


def checkout(revision: str, place: Path) -> Path:
    """Lay an earlier state of the package beside this one, with the code compiled here."""
    place.mkdir()
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", revision, "src"], capture_output=True, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(place)], input=packed.stdout, check=True)
    for compiled in (ROOT / "src/egams").glob("_compiled*.so"):
        shutil.copy(compiled, place / "src/egams")
    return place


def processor_seconds(source: Path, arguments: list[str]) -> float:
    """Of a command and all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "egams", *arguments],
        env=os.environ | {"PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("revision")
    given.add_argument("--rounds", type=int, default=7)
    settings = given.parse_args()
    spent: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        runs = place / "mars-spectrometry"
        simulate = ["simulate", str(runs), "--train", str(RUNS), "--sam-share", "0", "--folders"]
        processor_seconds(ROOT, simulate)
        one = min((runs / "train_features").glob("*.csv"))
        sides = (checkout(settings.revision, place / "before"), ROOT)
        for turn in range(settings.rounds):
            for side in (0, 1) if turn % 2 else (1, 0):
                own = place / f"own-{side}"
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                for what, command in COMMANDS.items():
                    words = [word.format(runs=runs, one=one, own=own) for word in command]
                    spent.setdefault((what, side), []).append(processor_seconds(sides[side], words))
    rows = []
    for what in COMMANDS:
        before, now = (statistics.median(spent[what, side]) for side in (0, 1))
        rows.append((what, before, now, now / before))
    columns = ("command", f"{settings.revision}, s", "now, s", "ratio")
    Table(columns, tuple(rows), "Processor time, medians.").print(console())


if __name__ == "__main__":
    main()
