"""How long a student takes for one run: onnxruntime on one core.

python benchmarks/onboard.py FOLDER [--repeats 200]

FOLDER is what `egams export` wrote. The runs are simulated; what they are does not matter for time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.models.onnx_files import open_session
from egams.onboard.binned import binned_runs
from egams.onboard.export import CARD
from egams.onboard.student_graph import INPUT
from egams.simulate import simulate_runs

RUNS = 8
TARGET_MS = 100.0


def milliseconds(path: Path, binned: NDArray[np.float32], repeats: int) -> list[float]:
    """Time of one run at a time, after each was predicted once ``[repeat]``."""
    session = open_session(path)
    ones = [{INPUT: binned[i : i + 1]} for i in range(len(binned))]
    for one in ones:
        session.run(None, one)
    times = []
    for repeat in range(repeats):
        started = time.perf_counter()
        session.run(None, ones[repeat % len(ones)])
        times.append(1e3 * (time.perf_counter() - started))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder that egams export wrote")
    parser.add_argument("--repeats", type=int, default=200)
    given = parser.parse_args()
    card = json.loads((given.folder / CARD).read_text(encoding="utf-8"))
    binned = binned_runs(simulate_runs(RUNS, np.random.default_rng(0))).abundance
    print(f"{platform.machine()}, one core, load {os.getloadavg()[0]:.1f}")
    print(f"{card['multiply_adds'] / 1e6:.2f} million multiply-adds")
    for name in card["bytes"]:
        times = milliseconds(given.folder / name, binned, given.repeats)
        median = statistics.median(times)
        verdict = "met" if median <= TARGET_MS else "MISSED"
        print(
            f"{name:18} {card['bytes'][name] / 1e6:.2f} MB   best {min(times):6.2f} ms   "
            f"median {median:6.2f} ms   target {TARGET_MS:g} ms: {verdict}"
        )


if __name__ == "__main__":
    main()
