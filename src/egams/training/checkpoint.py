"""An unfinished training on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from egams.artifact import header, written_whole
from egams.errors import ArtifactError
from egams.spectrogram.resident import ResidentRuns

KIND = "checkpoint"
FORMAT_VERSION = 1
ADVICE = "Remove it to start anew, or train into another folder."


def made_for(
    runs: ResidentRuns, positions: Tensor, seed: int, **settings: BaseModel
) -> dict[str, Any]:
    """Return what a training depends on, to be compared when it goes on.

    Parameters
    ----------
    positions
        Which of `runs` it learns from ``[run]``.
    settings
        Of the model, the spectrogram and whatever else there is.
    """
    return {name: value.model_dump_json() for name, value in settings.items()} | {
        "runs": [len(runs), runs.scan_total, float(runs.scans.sum(1).double().sum())],
        "labels": runs.labels[positions].cpu().tolist(),
        "positions": positions.tolist(),
        "seed": seed,
    }


def write_checkpoint(path: Path, purpose: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Parameters
    ----------
    purpose
        As `made_for` gives it.
    content
        Tensors, numbers, texts, and lists and dictionaries of them.
    """
    described = header(KIND, FORMAT_VERSION) | {"made_for": purpose} | content
    with written_whole(path) as temporary:
        torch.save(described, temporary)


def read_checkpoint(path: Path, purpose: dict[str, Any]) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ArtifactError
        If it is unreadable, of another format, or of a training set up differently.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Torch's own message advises to load files without the check that keeps them harmless.
        raise ArtifactError(f"{path}: not readable as a checkpoint. {ADVICE}") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ArtifactError(f"{path}: is no checkpoint of egams. {ADVICE}")
    if content.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{path}: a checkpoint of format {content.get('format_version')}, made by egams "
            f"{content.get('egams_version')}; this one reads {FORMAT_VERSION}. {ADVICE}"
        )
    if content.get("made_for") != purpose:
        raise ArtifactError(
            f"{path}: made by a training with other settings, runs or seed. {ADVICE}"
        )
    return content
