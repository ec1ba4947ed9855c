"""What a library holds, as Python sees it: `Work`, `StoredRun`, `FoundRun`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from egams.errors import EgamsError, InputError
from egams.families import FAMILIES
from egams.io import SkippedRun
from egams.run import Run

if TYPE_CHECKING:
    from egams.ensemble.predictions import RunPrediction

QUEUED, WORKING, ASKING, REFUSED, DONE = "queued", "working", "asking", "refused", "done"
STATES = (QUEUED, WORKING, ASKING, REFUSED, DONE)
OPEN = (QUEUED, WORKING)
PREDICTION = "prediction"


class LostWorkError(EgamsError):
    """Work that another worker has taken over, or that was removed meanwhile."""


class UnknownIdError(InputError):
    """A run or work that is not in the library."""


class TooMuchWorkError(EgamsError):
    """As much work waits as is allowed to."""


@dataclass(frozen=True)
class Work:
    """Something that takes time.

    Parameters
    ----------
    id
        Its number.
    kind
        ``read``, ``teach``, ``report``, ...
    name
        What to call it: of ``read`` the name of the file.
    settings
        What it needs to know, as JSON holds it; of ``read`` the `Reading` as ``reading``.
    file
        SHA-256 of the file to read.
    state
        ``queued``, ``working``, ``asking`` (a person must state something), ``refused``, ``done``.
    done, total
        How far it is.
    reason
        Why it was refused, or what is asked.
    result
        What came out, as JSON holds it.
    made
        When, ISO 8601 in UTC.
    owner, claims
        Who works at it, and the how-manieth time it was claimed.
    runs
        Ids of its runs.
    skipped
        Runs that could not be used.
    """

    id: int
    kind: str
    name: str
    settings: Mapping[str, Any]
    file: str | None
    state: str
    done: int
    total: int
    reason: str
    result: Any
    made: str
    owner: str
    claims: int
    runs: tuple[int, ...] = ()
    skipped: tuple[SkippedRun, ...] = ()


@dataclass(frozen=True)
class FoundRun:
    """A run of a file that was read, as it is to be kept.

    Parameters
    ----------
    run_id
        Its name in the file.
    instrument
        As stated or inferred.
    facts
        What is shown of it without reading it again, as JSON holds it.
    notes
        Of the reader.
    prediction
        ``RunPrediction.details()``.
    bundle
        Digest of the bundle that predicted.
    """

    run_id: str
    instrument: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    prediction: Mapping[str, Any] | None = None
    bundle: str | None = None

    @classmethod
    def of(cls, run: Run, prediction: RunPrediction | None = None, bundle: str = "") -> FoundRun:
        """Describe a run.

        Parameters
        ----------
        run
            The run, with the name it has in its file.
        prediction
            What was predicted of it.
        bundle
            Digest of the bundle that did.
        """
        from egams.io.facts import facts_of

        facts = asdict(facts_of(run))
        facts["mz"] = run.mz.tolist()
        return cls(
            run.run_id,
            run.instrument,
            json.loads(json.dumps(facts)),
            run.notes,
            None if prediction is None else prediction.details(),
            bundle if prediction is not None else None,
        )


@dataclass(frozen=True)
class StoredRun:
    """A run in the library.

    Parameters
    ----------
    id
        Its number, which no other run ever has.
    name
        Its name, which no other run of the library has now.
    run_id
        Its name in its file.
    file
        SHA-256 of its file.
    file_name
        What its file was called.
    reading
        How the file is read, as `egams.library.reading.Reading` holds it.
    instrument, facts, notes
        As those of `FoundRun`.
    remark
        A person's.
    labels
        0 or 1 by family, confirmed by a person; None where nobody did.
    confirmed
        When, ISO 8601 in UTC.
    added
        When, ISO 8601 in UTC.
    prediction
        ``RunPrediction.details()`` by the bundle asked for, else by the last other one.
    bundle
        Digest of the bundle that predicted it.
    predicted
        When, ISO 8601 in UTC.
    """

    id: int
    name: str
    run_id: str
    file: str
    file_name: str
    reading: Mapping[str, Any]
    instrument: str
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
    remark: str
    labels: Mapping[str, int] | None
    confirmed: str | None
    added: str
    prediction: Mapping[str, Any] | None = None
    bundle: str | None = None
    predicted: str | None = None


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="microseconds")


def storable(text: str) -> str:
    """Return a text without halves of characters, which UTF-8 does not know.

    Parameters
    ----------
    text
        Such as a remark.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def compact(content: Any) -> str:
    """Write JSON in few characters.

    Parameters
    ----------
    content
        To be written.
    """
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def label_text(labels: Mapping[str, int] | Sequence[int] | None) -> str | None:
    """Write labels as a library holds them, in the order of `egams.families.FAMILIES`.

    Parameters
    ----------
    labels
        0 or 1 by family, or in that order.
    """
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        if set(labels) != set(FAMILIES):
            wrong = sorted(set(labels) ^ set(FAMILIES))[0]
            raise InputError(f"labels and '{wrong}'", expected=f"all of {', '.join(FAMILIES)}")
        labels = [labels[family] for family in FAMILIES]
    if len(labels) != len(FAMILIES) or any(label not in (0, 1) for label in labels):
        raise InputError(f"labels {list(labels)}", expected=f"0 or 1 for {len(FAMILIES)} families")
    return compact([int(label) for label in labels])
