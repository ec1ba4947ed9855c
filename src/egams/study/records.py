"""What a study keeps as JSON: what it was made from, the truth, and a record of each member."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from egams.artifact import STRICT, Artifact
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment
from egams.families import Instrument

MEMBER = "member.json"
FORMAT_VERSION = 2
OLDER_CHECKPOINT = b"PK"
"""Checkpoints of format 1 were files of torch."""


class StudyManifest(Artifact):
    """What a study was made from.

    Parameters
    ----------
    data, sam_sources
        Fingerprints of the runs, and of the SAM sources where there are any.
    folds, seed, draws
        As `egams.training.cross_validation.cross_validate` takes them.
    runs_used
        Number of labelled runs.
    grouped_below
        Distance of near-duplicates that are kept in one fold; None where runs were dealt one by
        one.
    """

    kind = "study"
    format_version = FORMAT_VERSION
    again = "Cross-validate again into another folder."

    data: str
    folds: Annotated[int, Field(ge=1, le=1000)]
    seed: int = 0
    draws: Annotated[int, Field(ge=1)] = 1
    runs_used: int = 0
    grouped_below: float | None = None
    sam_sources: str | None = None


@dataclass(frozen=True, config=STRICT)
class Truth:
    """What is known of a run: its instrument, and its labels ``[family]``."""

    instrument: Instrument
    labels: tuple[Annotated[int, Field(ge=0, le=1)], ...]


class TruthRecord(Artifact):
    """What is known of the runs of a study, by run id."""

    kind = "truth"
    format_version = FORMAT_VERSION
    file = "truth.json"
    again = "Cross-validate again into the same folder: what is trained is kept."

    runs: Mapping[str, Truth]


class MemberRecord(Artifact):
    """How a member was trained.

    Parameters
    ----------
    experiment, fold, seed
        What was trained, without which fold, from which seed.
    seconds, share_timed
        Time that the training took, and of which share of it: below 1 where it went on from a
        checkpoint.
    threads, device
        What it was trained with.
    started_from
        Of a network: see `egams.models.network.NetworkSettings.prepare`.
    files
        SHA-256 of the other files in its folder, by name.
    only_predictions
        Whether its weights are elsewhere or gone: it counts in tables and scores, and predicts
        nothing new.
    """

    kind = "member"
    format_version = FORMAT_VERSION
    file = MEMBER
    again = "Remove the folder it is in and cross-validate again."

    experiment: Experiment
    fold: str
    seed: int
    seconds: float
    share_timed: Annotated[float, Field(gt=0)] = 1.0
    threads: int
    device: str
    started_from: str | None = None
    files: Mapping[str, str] = {}
    only_predictions: bool = False


def read_member(folder: Path) -> MemberRecord:
    """Read how the member in a folder was trained.

    Parameters
    ----------
    folder
        ``EXPERIMENT/fold-NAME``, as studies name it.

    Raises
    ------
    ArtifactError
        If it is damaged, or of another experiment or fold than its folder says.
    """
    record = MemberRecord.load(folder)
    if (record.experiment.name, f"fold-{record.fold}") != (folder.parent.name, folder.name):
        raise ArtifactError(
            f"{folder / MEMBER}: is of {record.experiment.name[:80]} without fold "
            f"{record.fold[:80]}; expected the names of its folders. {record.again}"
        )
    return record


class CheckpointRecord(Artifact):
    """First line of a checkpoint; the rest is a file of torch with the digest `payload`."""

    kind = "checkpoint"
    format_version = 2
    again = "Remove it to start anew, or train into another folder."

    payload: str


def checkpoint_payload(path: Path) -> tuple[CheckpointRecord, bytes]:
    """Read a checkpoint as far as its digests cover it.

    Raises
    ------
    ArtifactError
        If it is damaged or of another format.
    """
    opening, _, payload = path.read_bytes().partition(b"\n")
    if opening.startswith(OLDER_CHECKPOINT):
        raise ArtifactError(
            f"{path}: a checkpoint of format 1, made by egams 0.1; this egams reads format "
            f"{CheckpointRecord.format_version}. {CheckpointRecord.again} Or install egams 0.1.0."
        )
    record = CheckpointRecord.parse(opening, path)
    if hashlib.sha256(payload).hexdigest() != record.payload:
        raise ArtifactError(
            f"{path}: is damaged: its content and digest differ. {CheckpointRecord.again}"
        )
    return record, payload
