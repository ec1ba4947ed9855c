"""An unfinished training on disk."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from egams.arrays import Array, IntArray, to_numpy
from egams.artifact import written_whole
from egams.errors import ArtifactError
from egams.spectrogram.resident import ResidentRuns
from egams.study.records import CheckpointRecord, checkpoint_payload

ADVICE = CheckpointRecord.again


def made_for(
    runs: ResidentRuns, positions: IntArray, seed: int, **settings: BaseModel
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
        "runs": [len(runs), runs.scan_total, _digest(runs.scans)],
        "labels": to_numpy(runs.labels)[positions].tolist(),
        "positions": positions.tolist(),
        "seed": seed,
    }


def _digest(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(to_numpy(array)).data).hexdigest()


def write_checkpoint(path: Path, purpose: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Parameters
    ----------
    purpose
        As `made_for` gives it.
    content
        Tensors, numbers, texts, and lists and dictionaries of them.
    """
    written = BytesIO()
    torch.save({"made_for": purpose} | content, written)
    payload = written.getbuffer()
    opening = CheckpointRecord(payload=hashlib.sha256(payload).hexdigest()).content()
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(json.dumps(opening).encode() + b"\n")
        file.write(payload)


def read_checkpoint(path: Path, purpose: dict[str, Any]) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ArtifactError
        If it is damaged, of another format, or of a training set up differently.
    """
    record, payload = checkpoint_payload(path)
    content: dict[str, Any] = torch.load(BytesIO(payload), map_location="cpu", weights_only=True)
    if content["made_for"] != purpose:
        raise ArtifactError(
            f"{path}: made by a training with other settings, runs or seed. {ADVICE}"
        )
    return content | {"egams_version": record.egams_version}
