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
from egams.training.controls import Controls
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


def epoch_seconds(
    experiment: Experiment, runs: ResidentRuns, epochs: int, **training: Any
) -> list[float]:
    """Wall time of each epoch but the first, in the loop that trains for real.

    Parameters
    ----------
    training
        Changes of the experiment's training: batch size, precision.
    """
    ends: list[float] = []

    def note(_done: int, _total: int, _loss: float) -> None:
        ends.append(time.perf_counter())

    lasting = experiment.training.lasting(epochs + 1, **training)
    experiment = experiment.model_copy(update={"training": lasting})
    everyone = np.arange(len(runs))
    train_network(experiment, runs, everyone, 0, Controls(progress=note))
    return np.diff(ends).tolist()
