"""What several benchmarks share: wall time, simulated runs, epochs of the real loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from egams.experiments.experiment import Experiment
from egams.preprocess.prepare_runs import PreparedRun
from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.training.controls import Controls, Progress
from egams.training.network.loop import train_network


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def simulated(count: int) -> list[PreparedRun]:
    """Prepared runs of commercial instruments."""
    config = SimulationConfig(sam_share=0)
    return list(prepare(simulate_runs(count, np.random.default_rng(0), config=config), jobs=1))


def train_epochs(
    experiment: Experiment, runs: ResidentRuns, epochs: int, progress: Progress, **training: Any
) -> None:
    """Train on all runs, in the loop that trains for real.

    Parameters
    ----------
    progress
        Called after each epoch, when the device has done all of it.
    training
        Changes of the experiment's training: batch size, precision.
    """
    lasting = experiment.training.lasting(epochs, **training)
    experiment = experiment.model_copy(update={"training": lasting})
    train_network(experiment, runs, np.arange(len(runs)), 0, Controls(progress=progress))


def epoch_seconds(
    experiment: Experiment, runs: ResidentRuns, epochs: int, **training: Any
) -> list[float]:
    """Wall time of each epoch but the first: see `train_epochs`."""
    ends: list[float] = []

    def note(_done: int, _total: int, _loss: float) -> None:
        ends.append(time.perf_counter())

    train_epochs(experiment, runs, epochs + 1, note, **training)
    return np.diff(ends).tolist()
