"""What changes while a network is trained, and its checkpoint."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egams.errors import ArtifactError
from egams.models.network import FROM_SCRATCH
from egams.study.epochs import Epoch
from egams.training.checkpoint import ADVICE, read_checkpoint, write_checkpoint
from egams.training.controls import EpochLog
from egams.training.network.average import WeightAverage


@dataclass
class TrainingState:
    """Everything that changes during a training. Random numbers depend on seed and epoch alone."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage
    started_from: str = FROM_SCRATCH
    epoch: int = 0
    log: EpochLog = field(default_factory=EpochLog)


def save_checkpoint(path: Path, state: TrainingState, purpose: dict[str, Any]) -> None:
    """Write the state of a network's training: see `write_checkpoint`."""
    write_checkpoint(
        path,
        purpose,
        {
            "epoch": state.epoch,
            "log": [astuple(epoch) for epoch in state.log.epochs],
            "started_from": state.started_from,
            "network": state.network.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "average": state.average.tensors,
            "average_count": state.average.count,
        },
    )


def load_checkpoint(path: Path, state: TrainingState, purpose: dict[str, Any]) -> None:
    """Continue a network's training from a checkpoint.

    Raises
    ------
    ArtifactError
        As `read_checkpoint`, or if it does not fit the network.
    """
    content = read_checkpoint(path, purpose)
    try:
        state.network.load_state_dict(content["network"])
        state.optimiser.load_state_dict(content["optimiser"])
        for name, value in content["average"].items():
            state.average.tensors[name].copy_(value)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(
            f"{path}: does not fit the network, made by egams {content['egams_version']} "
            f"({reason}). {ADVICE}"
        ) from error
    state.average.count = content["average_count"]
    state.epoch = content["epoch"]
    state.log.epochs[:] = [Epoch(*values) for values in content.get("log", [])]
    state.started_from = content.get("started_from", FROM_SCRATCH)
