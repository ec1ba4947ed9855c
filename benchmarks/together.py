"""How to train several small networks on one device: one by one, in threads, in processes.

    python benchmarks/together.py [--device cpu] [--trainings 4] [--runs 96] [NAME ...]

Prints steps a second of all trainings together, in the loop that trains for real, from the second
epoch on. On a GPU each thread has a stream; processes take turns there unless MPS runs.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch

from egams.experiments.zoo import experiments_named
from egams.spectrogram.resident import ResidentRuns
from measure import seconds, simulated, train_epochs

BATCH, EPOCHS = 32, 5
PATIENCE = 300.0
"""Seconds until the others of a barrier are given up: a training that dies never reaches it."""


class Training(NamedTuple):
    """What is trained several times."""

    name: str
    device: str
    runs: int

    @property
    def steps(self) -> int:
        """Steps that are timed."""
        return (EPOCHS - 1) * math.ceil(self.runs / BATCH)

    def __call__(self, runs: ResidentRuns, meet: Callable[[], object]) -> None:
        """Train, and `meet` after the first epoch and after the last."""
        (experiment,) = experiments_named([self.name])

        def note(done: int, total: int, _loss: float) -> None:
            if done in (1, total):
                meet()

        train_epochs(experiment, runs, EPOCHS, note, batch_size=BATCH)

    def loaded(self) -> ResidentRuns:
        """Runs on the device."""
        return ResidentRuns.load(simulated(self.runs)).to(self.device)


def one_by_one(training: Training, count: int) -> float:
    """Seconds that `count` trainings take."""
    times: list[float] = []
    training(training.loaded(), lambda: times.append(time.perf_counter()))
    return count * (times[1] - times[0])


def in_threads(training: Training, count: int) -> float:
    """Seconds that `count` trainings take, a thread and, on a GPU, a stream each."""
    runs, barrier = training.loaded(), threading.Barrier(count + 1)
    torch.set_num_threads(1)

    def train() -> None:
        of_gpu = torch.cuda.stream(torch.cuda.Stream()) if training.device == "cuda" else None
        with of_gpu or nullcontext():
            _train_or_abort(training, runs, barrier)

    threads = [threading.Thread(target=train, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    took = _between(barrier)
    for thread in threads:
        thread.join()
    return took


def in_processes(training: Training, count: int) -> float:
    """Seconds that `count` trainings take, a process each."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count + 1)
    workers = [context.Process(target=_in_process, args=(training, barrier)) for _ in range(count)]
    for worker in workers:
        worker.start()
    try:
        return _between(barrier)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _in_process(training: Training, barrier: Any) -> None:
    torch.set_num_threads(1)
    _train_or_abort(training, training.loaded(), barrier)


def _train_or_abort(training: Training, runs: ResidentRuns, barrier: Any) -> None:
    try:
        training(runs, lambda: barrier.wait(PATIENCE))
    except BaseException:
        barrier.abort()  # so that nobody waits for this one
        raise


def _between(barrier: Any) -> float:
    barrier.wait(PATIENCE)
    return seconds(lambda: barrier.wait(PATIENCE))


WAYS: dict[str, Callable[[Training, int], float]] = {
    "one by one": one_by_one,
    "threads": in_threads,
    "processes": in_processes,
}


def main() -> None:
    """Print a row a network and way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=["conv1d_evidence", "small_resnet34"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--trainings", type=int, default=4)
    parser.add_argument("--runs", type=int, default=96)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names:
        training = Training(name, arguments.device, arguments.runs)
        reference = None
        for way, measured in WAYS.items():
            try:
                took = measured(training, arguments.trainings)
            except RuntimeError as error:  # a broken barrier too
                print(f"{name}, {way}: cannot ({type(error).__name__}: {error})", flush=True)
                continue
            reference = reference or took
            rate = arguments.trainings * training.steps / took
            print(
                f"{name}, {arguments.trainings} trainings, {way}: {rate:.1f} steps/s in all, "
                f"ratio {reference / took:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
