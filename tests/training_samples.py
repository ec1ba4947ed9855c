"""Small runs, models and trainings for the tests of models, trainings and bundles."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.models.network import NetworkSettings
from egams.models.registry import registered
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_run, simulate_runs
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore

torch.set_num_threads(1)  # the models are tiny: more threads only wait for each other

MODELS: tuple[type, ...] = tuple(kind.settings for kind in registered().values())
"""Every configuration in the registry: a new kind joins the contract by being there."""
NETWORKS = tuple(kind for kind in MODELS if issubclass(kind, NetworkSettings))

SMALL: dict[str, dict[str, Any]] = {
    "conv1d": {"width": 32, "dilations": (1, 2)},
    "gru": {"hidden": 24, "depth": 1},
    "lstm": {"hidden": 24, "depth": 1},
    "cnn": {
        "backbone_settings": {"channels": [4, 8, 8, 16], "stem_width": 4, "stem_type": ""},
    },
    "vit": {"patch": (4, 20), "width": 32, "depth": 1, "heads": 2},
    "vit1d": {"columns": 4, "width": 32, "depth": 1, "heads": 2},
    "lightgbm": {"trees": 60, "fewest_in_leaf": 1, "learning_rate": 0.2, "l2": 0.0, "renders": 4},
    "catboost": {"trees": 60, "depth": 3, "learning_rate": 0.4, "l2": 0.1, "renders": 4},
}
SIMULATION = SimulationConfig.tiny(sam_share=0.2)
RUNS = 36


def kind_of(config: type) -> str:
    return config.model_fields["kind"].default


def small(config: type, **changes: Any) -> Any:
    """A small model without dropout; changes that its kind does not know are left out."""
    calm = {"dropout": 0.0, "mz_dropout": 0.0, **SMALL.get(kind_of(config), {}), **changes}
    return config(**{name: value for name, value in calm.items() if name in config.model_fields})


@lru_cache
def simulated() -> tuple[Run, ...]:
    return tuple(simulate_runs(RUNS, np.random.default_rng(7), config=SIMULATION))


@lru_cache
def store() -> RunStore:
    return prepare(simulated(), jobs=1)


@lru_cache
def resident() -> ResidentRuns:
    return ResidentRuns.load(store()).to("cpu")


def batch(size: int = 8, seed: int = 0, norm: str = "max") -> tuple[torch.Tensor, torch.Tensor]:
    """Spectrograms ``[B, row, temperature]`` and contexts ``[B, feature]`` as rendered runs."""
    from egams.spectrogram.draw import draw, windows
    from egams.spectrogram.render import render

    config, runs = SpectrogramConfig(norm=norm), resident()
    positions = np.arange(size)
    drawn = draw(windows(runs, config), positions, config, np.random.default_rng(seed))
    return render(runs, drawn, config), runs.context[positions]


TINY = {"kind": "conv1d", "width": 8, "dilations": (1,)}


def tiny_experiment(
    name: str = "tiny", epochs: int = 2, model: Any = TINY, **training: Any
) -> Experiment:
    """A network with dropout, or another model, that trains in a blink."""
    return Experiment(
        name=name,
        model=model,
        training=TrainingConfig(epochs=epochs, batch_size=8, **training),
    )


def labelled_runs(count: int, seed: int, sam: int = 0) -> list[Run]:
    """Runs of which the first `sam` are of the SAM testbed."""
    children = np.random.default_rng(seed).spawn(count)
    return [
        simulate_run(
            rng,
            instrument="sam_testbed" if number < sam else "commercial",
            config=SIMULATION,
            run_id=f"X{number:03d}",
        )
        for number, rng in enumerate(children)
    ]
