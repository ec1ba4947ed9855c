"""An unfinished training on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egams.artifact import header, written_whole
from egams.errors import ArtifactError
from egams.models.network import FROM_SCRATCH
from egams.training.average import WeightAverage

KIND = "checkpoint"
FORMAT_VERSION = 1


@dataclass
class TrainingState:
    """Everything that changes during a training. Random numbers depend on seed and epoch alone."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage
    started_from: str = FROM_SCRATCH
    epoch: int = 0


def save_checkpoint(path: Path, state: TrainingState, made_for: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Parameters
    ----------
    made_for
        What the training depends on (configuration, runs, seed), to be compared when it resumes.
    """
    content = header(KIND, FORMAT_VERSION) | {
        "made_for": made_for,
        "epoch": state.epoch,
        "started_from": state.started_from,
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "average": state.average.tensors,
        "average_count": state.average.count,
    }
    with written_whole(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path, state: TrainingState, made_for: dict[str, Any]) -> None:
    """Continue from a checkpoint, if there is one.

    Raises
    ------
    ArtifactError
        If it is unreadable, of another format, or of a training set up differently.
    """
    if not path.is_file():
        return
    advice = "Remove it to start anew, or train into another folder."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Torch's own message advises to load files without the check that keeps them harmless.
        raise ArtifactError(f"{path}: not readable as a checkpoint. {advice}") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ArtifactError(f"{path}: is no checkpoint of egams. {advice}")
    if content.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{path}: a checkpoint of format {content.get('format_version')}, made by egams "
            f"{content.get('egams_version')}; this one reads {FORMAT_VERSION}. {advice}"
        )
    if content.get("made_for") != made_for:
        raise ArtifactError(
            f"{path}: made by a training with other settings, runs or seed. {advice}"
        )
    try:
        state.network.load_state_dict(content["network"])
        state.optimiser.load_state_dict(content["optimiser"])
        for name, value in content["average"].items():
            state.average.tensors[name].copy_(value)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(
            f"{path}: does not fit the network, made by egams {content['egams_version']} "
            f"({reason}). {advice}"
        ) from error
    state.average.count = content["average_count"]
    state.epoch = content["epoch"]
    state.started_from = content.get("started_from", FROM_SCRATCH)
