"""Does training of the compact experiments stay as fast for each run as runs grow? How much memory?

    python benchmarks/grow.py [--runs 250]

Two trainings of `conv1d_evidence` side by side, one thread each, as `cross_validate` does on two
cores: at 1x, 4x and 16x as many runs, each size in fresh processes. Runs are simulated; 4x and 16x
are copies of them, decoded anew. The reference is the rate at 1x. Evidence is made up here: the
Gaussian process that gives it is measured by `neighbours.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from egams.experiments.zoo import experiment_named
from egams.models.neighbours import EVIDENCE_FEATURES
from egams.preprocess.prepare_runs import PreparedRun
from egams.simulate import simulate_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.training.controls import Controls
from egams.training.network.loop import train_network
from egams.training.train import with_evidence

EXPERIMENT = experiment_named("conv1d_evidence")
FACTORS = (1, 4, 16)
EPOCHS = {1: 8, 4: 4, 16: 3}
TARGET, MEMORY = 0.10, 4.0
SIDE_BY_SIDE = 2


class Copies(Sequence[PreparedRun]):
    """Runs of a store, over and over, decoded each time as those of a larger store would be."""

    def __init__(self, store: RunStore, count: int) -> None:
        self.store, self.count = store, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> PreparedRun:  # type: ignore[override]
        return self.store[index % len(self.store)]

    def __iter__(self) -> Iterator[PreparedRun]:
        return (self[index] for index in range(self.count))


def train(store: RunStore, factor: int) -> dict[str, float]:
    """Epochs of the real loop: seconds of an epoch, by processor and by the clock; peak memory."""
    runs = ResidentRuns.load(Copies(store, factor * len(store))).to("cpu")
    everyone = np.arange(len(runs))
    rng = np.random.default_rng(0)
    found = 0.1 * rng.standard_normal((len(runs), EVIDENCE_FEATURES), np.float32)
    runs = with_evidence(runs, everyone, found)
    ends: list[tuple[float, float]] = []
    training = EXPERIMENT.training.lasting(EPOCHS[factor] + 1)
    experiment = EXPERIMENT.model_copy(update={"training": training})
    note = Controls(progress=lambda *_: ends.append((time.process_time(), time.perf_counter())))
    train_network(experiment, runs, everyone, 0, note)
    processor, clock = np.diff(np.array(ends), axis=0).T.tolist()
    return {
        "runs": len(runs),
        # The best epochs: whatever else the machine does can only slow them.
        "processor": min(processor),
        "clock": min(clock),
        "memory": peak(),
    }


def peak() -> float:
    """Largest memory of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def child(store: Path, size: int) -> subprocess.Popen[str]:
    """A fresh process with one thread, so that its peak of memory is its own."""
    command = [sys.executable, __file__, "--child", str(store), str(size)]
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=threads)


def results(children: list[subprocess.Popen[str]]) -> list[dict[str, float]]:
    """What they print in the end; empty for one that died."""
    said = [each.communicate()[0] for each in children]
    return [json.loads(text.splitlines()[-1]) for text in said if text.strip()]


def measure_training(store: Path) -> None:
    """Print the rate at each size, its deviation from the rate at 1x, and memory."""
    print(
        f"{EXPERIMENT.name}, {SIDE_BY_SIDE} trainings side by side, one thread each; "
        f"load {os.getloadavg()[0]:.1f} at the start\n"
        "  runs   epochs x runs a second of a core   by the clock   from 1x   peak of a training"
    )
    first: float | None = None
    worst = highest = 0.0
    for factor in FACTORS:
        found = results([child(store, factor) for _ in range(SIDE_BY_SIDE)])
        rate = statistics.mean(each["runs"] / each["processor"] for each in found)
        clock = sum(each["runs"] / each["clock"] for each in found)
        memory = max(each["memory"] for each in found)
        first = first or rate
        deviation = rate / first - 1
        worst, highest = max(worst, abs(deviation)), max(highest, memory)
        print(
            f"{found[0]['runs']:6.0f} {rate:20.0f} {clock:29.0f} {deviation:+13.1%} "
            f"{memory:11.2f} GiB"
        )
    print(f"deviation from linear {worst:.1%}, to reach {TARGET:.0%}: {verdict(worst <= TARGET)}")
    print(f"peak memory {highest:.2f} GiB, to reach {MEMORY} GiB: {verdict(highest < MEMORY)}")


def verdict(met: bool) -> str:
    """In a word."""
    return "met" if met else "missed"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=250, help="simulated runs, 1x")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        place, size = arguments.child
        torch.set_num_threads(1)
        print(json.dumps(train(RunStore.open(place), int(size))))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.store"
        prepare(simulate_runs(arguments.runs, np.random.default_rng(0)), store)
        measure_training(store)


if __name__ == "__main__":
    main()
