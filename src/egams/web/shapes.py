"""Shapes of answers, for the description of the addresses (OpenAPI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class WorkShape:
    """Something that takes time.

    Parameters
    ----------
    id, kind, name, state, done, total, reason, made, result
        As `egams.library.records.Work`.
    error
        Why it was refused, or what is asked, in parts.
    needs
        What can be stated: ``columns``, ``temp``, ``offset``.
    runs
        Ids of its runs.
    skipped
        Runs that could not be used, with ``sample_id`` and ``reason``.
    """

    id: int
    kind: str
    name: str
    state: str
    done: int
    total: int
    reason: str
    error: dict[str, Any] | None
    needs: list[str]
    runs: list[int]
    skipped: list[dict[str, str]]
    made: str
    result: Any


@dataclass
class WorkList:
    """Work, newest first, and how much there is of that kind."""

    work: list[WorkShape]
    total: int


@dataclass
class RowShape:
    """A run in a list.

    Parameters
    ----------
    id, name, file, instrument, range_degC, scans, mz, added
        What it is; `mz` is how many.
    calls, probabilities
        By family.
    flags, remark, labels
        What sets it apart; a person's remark and labels.
    bundle, stale
        Digest of the bundle that predicted, and whether that is another than the one in use.
    """

    id: int
    name: str
    file: str
    instrument: str
    range_degC: list[float]
    scans: int
    mz: int
    added: str
    calls: dict[str, str]
    probabilities: dict[str, float]
    flags: list[str]
    remark: str
    labels: dict[str, int] | None
    bundle: str | None
    stale: bool


@dataclass
class RowList:
    """Runs, and how many there are of that kind."""

    runs: list[RowShape]
    total: int


@dataclass
class RunShape(RowShape):
    """A run and its answer.

    Parameters
    ----------
    prediction
        As ``egams predict --details`` has it, under the name in the file.
    answer, facts, notes
        In words.
    origin
        ``file`` and its ``sha256``.
    reading
        What was stated about the file.
    answers
        Of all bundles: ``bundle``, ``made``, ``egams``, ``probabilities``.
    """

    prediction: dict[str, Any] | None
    answer: list[str]
    facts: str
    notes: list[str]
    origin: dict[str, str]
    reading: dict[str, Any]
    answers: list[dict[str, Any]]


@dataclass
class StatusShape:
    """What the workbench is at."""

    version: str
    revision: int
    library: str
    bundle: dict[str, Any]
    families: list[str]
    limits: dict[str, int]
    work: dict[str, int]
    runs: int
