"""Shapes of answers, for the description of the addresses (OpenAPI)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from egams.io.source import SkippedRun


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
class FamilyShape:
    """What is predicted of a family.

    Parameters
    ----------
    probability
        Calibrated.
    spread, draw_spread
        Disagreement of models, and of draws of the same run.
    call
        ``present``, ``absent`` or ``uncertain``.
    unseen
        Why the run cannot exclude it; null where it can.
    """

    probability: float
    spread: float
    draw_spread: float
    call: str
    unseen: str | None


@dataclass
class NearestShape:
    """A training run that is near."""

    sample_id: str
    distance: float
    families: list[str]


@dataclass
class PredictionShape:
    """As ``egams predict --details`` has it.

    Parameters
    ----------
    sample_id
        Name in the file.
    instrument, families, flags, nearest, notes
        The answer, what sets the run apart, and how it was read.
    as_measured
        Probabilities with the blank, where one was subtracted.
    """

    sample_id: str
    instrument: str
    families: dict[str, FamilyShape]
    flags: list[str]
    nearest: list[NearestShape]
    notes: list[str]
    as_measured: dict[str, float] = field(default_factory=dict)


@dataclass
class PredictionsShape:
    """Predictions of runs, and what could not be used."""

    runs: list[PredictionShape]
    skipped: list[SkippedRun]


@dataclass
class RowShape:
    """A run in a list.

    Parameters
    ----------
    id, name, file, instrument, range_degC, temperatures, scans, mz, added
        What it is; `temperatures` says `range_degC` in words, `mz` is how many.
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
    temperatures: str
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

    prediction: PredictionShape | None
    answer: list[str]
    facts: str
    notes: list[str]
    origin: dict[str, str]
    reading: dict[str, Any]
    answers: list[dict[str, Any]]


@dataclass
class RemarkShape:
    """A person's remark."""

    remark: str


@dataclass
class LabelsShape:
    """Confirmed labels, 0 or 1 for each family; null where none are."""

    labels: dict[str, int] | None


@dataclass
class DeletedShape:
    """Ids of runs that are gone."""

    deleted: list[int]


@dataclass
class ForgottenShape:
    """Id of work that is gone."""

    forgotten: int


@dataclass
class ColumnShape:
    """A column of a table that is asked about: what it looks like."""

    name: str
    header: str
    role: str | None
    unit: str | None
    mz: float | None
    example: str


@dataclass
class PreviewShape:
    """A file about which something is asked.

    Parameters
    ----------
    name, question, needs
        Of the file; what is asked; what can be stated: ``columns``, ``temp``, ``offset``.
    reading
        What was stated so far.
    dialect, account
        How it was read.
    header, columns, rows
        The beginning of its table; empty for files of instruments' programs.
    """

    name: str
    question: str
    needs: list[str]
    reading: dict[str, Any]
    dialect: dict[str, str]
    account: list[str]
    header: list[str]
    columns: list[ColumnShape]
    rows: list[list[str]]


@dataclass
class BundleShape:
    """A bundle; all but `ready` is null while it is loaded.

    Parameters
    ----------
    digest, path, shipped
        Which it is.
    runs, taught
        How many it knows, and how many of them were taught here.
    score
        Its out-of-fold scores, and ``what`` they are.
    problem
        Why another one that was wanted is not in use.
    ready
        Whether it is loaded.
    """

    digest: str | None
    runs: int | None
    taught: int | None
    path: str | None
    shipped: bool | None
    score: dict[str, Any] | None
    problem: str | None
    ready: bool


@dataclass
class ErrorPartsShape:
    """What is wrong, in parts; `text` is all of it."""

    problem: str
    file: str | None
    row: int | None
    column: str | None
    expected: str | None
    hint: str | None
    text: str


@dataclass
class ErrorShape:
    """A request that was refused."""

    error: ErrorPartsShape


@dataclass
class StatusShape:
    """What the workbench is at."""

    version: str
    revision: int
    library: str
    bundle: BundleShape
    families: list[str]
    limits: dict[str, int]
    work: dict[str, int]
    runs: int
