"""Small files in a study that say how far it is, for whoever looks on from outside."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from egams.artifact import remove, write_json
from egams.jobs.contract import JobReport, JobState
from egams.study.study import Study

PLAN = "plan.json"
SECONDS_BETWEEN_WRITES = 2.0

Member = tuple[str, str]
"""Names of an experiment and of the fold it is trained without."""

State = Literal["finished", "running", "silent", "stopped", "failed", "waiting"]


@dataclass(frozen=True)
class Plan:
    """What the last call of `cross_validate` is to train.

    Parameters
    ----------
    members
        Experiments and folds, finished ones included.
    jobs
        Trainings at a time; None where a cluster decides.
    """

    members: tuple[Member, ...]
    jobs: int | None

    def write(self, study: Study) -> None:
        """Keep it in the study."""
        write_json(study.folder / PLAN, asdict(self))

    @classmethod
    def read(cls, study: Study) -> Plan:
        """Read the plan of a study; an empty one where there is none."""
        content = _content(study.folder / PLAN)
        try:
            return TypeAdapter(cls).validate_python(content)
        except ValidationError:
            return cls((), None)


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Parameters
    ----------
    state
        Running, stopped or failed, by its last sign of life; `egams.study.status` finds the others.
    done, total
        Epochs (or boosters); no `total` where unknown.
    loss
        Of the last epoch; None where there is none.
    seconds_each
        Of an epoch, measured since it began or went on; None before the second one.
    updated
        Last sign of life, in seconds since 1970; None where there was none.
    reason
        Why it stopped, failed or begins again.
    """

    state: State
    done: int = 0
    total: int | None = None
    loss: float | None = None
    seconds_each: float | None = None
    updated: float | None = None
    reason: str = ""

    @classmethod
    def read(cls, study: Study, member: Member) -> Progress | None:
        """Read how far an unfinished training is; None where it left no sign of life."""
        content = _content(study.progress_file(*member))
        try:
            return TypeAdapter(cls).validate_python(content) if content else None
        except ValidationError:
            return None


def _content(path: Path) -> dict[str, Any]:
    # These files help people look on; nothing depends on them, so a damaged one is as none.
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


class ProgressWriter:
    """Keeps the files of a study as its trainings report.

    Parameters
    ----------
    study
        Where the files go.
    members
        What each job trains, by its name.
    """

    def __init__(self, study: Study, members: Mapping[str, Member]) -> None:
        self._study = study
        self._members = members
        self._now: dict[str, Progress] = {}
        self._first: dict[str, tuple[int, float]] = {}
        self._written: dict[str, float] = {}
        for job, member in members.items():
            left = Progress.read(study, member)
            if left is not None and left.state == "running":  # its process was killed
                self._write(job, replace(left, state="stopped", reason="its process ended"))

    def report(self, entry: JobReport) -> None:
        """Note how far a job is, on disk at most every other second."""
        now = time.time()
        first_done, first_time = self._first.setdefault(entry.job, (entry.done, now))
        steps = entry.done - first_done
        progress = Progress(
            "running",
            entry.done,
            entry.total,
            None if math.isnan(entry.loss) else entry.loss,
            (now - first_time) / steps if steps > 0 else None,
            now,
        )
        if now - self._written.get(entry.job, -math.inf) >= SECONDS_BETWEEN_WRITES:
            self._write(entry.job, progress)
        self._now[entry.job] = progress

    def change(self, state: JobState) -> None:
        """Note what became of a job."""
        if state.state == "finished":
            remove(self._study.progress_file(*self._members[state.job]))
            return
        self._first.pop(state.job, None)
        before = self._now.get(state.job) or Progress("running")
        self._write(
            state.job,
            replace(before, state=state.state, reason=state.reason, updated=time.time()),
        )

    def _write(self, job: str, progress: Progress) -> None:
        self._written[job] = time.time()
        self._now[job] = progress
        write_json(self._study.progress_file(*self._members[job]), asdict(progress))
