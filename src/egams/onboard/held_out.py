"""Answers about runs that a student did not see, and their scores."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.families import FAMILIES
from egams.logloss import mean_log_loss
from egams.onboard.onnx_files import run_onnx, write_student
from egams.onboard.stages import Stage
from egams.onboard.student import StageStudent, answers_at
from egams.spectrogram.coarse import CoarseRuns

ECE_BINS = 15


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Answers, of each run by students that did not see it.

    Parameters
    ----------
    int8
        Of the int8 file, run by onnxruntime; NaN where refused ``[run, family]``.
    at
        At each stage, whether it judges the run or not ``[stage, run, family]``.
    """

    int8: FloatArray
    at: FloatArray

    @classmethod
    def none(cls, runs: int, stages: int) -> Self:
        """Of so many runs and stages, before any is answered."""
        int8 = np.full((runs, len(FAMILIES)), np.nan)
        return cls(int8, np.full((stages, *int8.shape), np.nan))

    def fill(self, held: IntArray, runs: CoarseRuns, students: Sequence[StageStudent]) -> None:
        """Answer the runs of a fold.

        Parameters
        ----------
        held
            Which they are ``[run]``.
        runs
            Those runs.
        students
            Of that fold.
        """
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "int8.onnx"
            write_student(students, path, whole_numbers=True)
            self.int8[held] = run_onnx(path, runs.abundance).probability
        for number, student in enumerate(students):
            self.at[number, held] = answers_at(student, runs)[0]

    def scores(
        self, runs: CoarseRuns, labels: NDArray[np.float32], stages: Sequence[Stage]
    ) -> dict[str, Any]:
        """Score for the card.

        Parameters
        ----------
        runs
            All runs.
        labels
            ``[run, family]``.
        stages
            Of the students.
        """
        answered = np.asarray(~np.isnan(self.int8).any(1))
        return {
            "int8": _log_loss(labels, self.int8, answered),
            "answered": int(answered.sum()),
            "every_run_at_the_first_stage": round(mean_log_loss(labels, self.at[0]), 5),
            "stages": [
                {"stage": stage.name, "heated_to_degC": stage.end_degC}
                | _of_stage(labels, given, stage.judges(runs))
                for stage, given in zip(stages, self.at, strict=True)
            ],
        }


def _of_stage(labels: NDArray[np.float32], given: FloatArray, some: BoolArray) -> dict[str, Any]:
    families = {
        family: _log_loss(labels[:, [place]], given[:, [place]], some)
        for place, family in enumerate(FAMILIES)
    }
    of_all = {"log_loss": _log_loss(labels, given, some), "ece": _ece(labels[some], given[some])}
    return {"runs": int(some.sum())} | of_all | {"families": families}


def _log_loss(labels: NDArray[np.float32], given: FloatArray, some: BoolArray) -> float | None:
    return round(mean_log_loss(labels[some], given[some]), 5) if some.any() else None


def _ece(labels: NDArray[np.float32], given: FloatArray) -> float | None:
    """Expected calibration error, all entries pooled in bins of equal width."""
    if not given.size:
        return None
    bin_ = np.minimum((given * ECE_BINS).astype(np.intp), ECE_BINS - 1).ravel()
    apart = np.bincount(bin_, (given - labels).ravel(), ECE_BINS)
    return round(float(np.abs(apart).sum() / given.size), 5)
