"""The student's ONNX files: written, and run by onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egams.models.onnx_files import open_session
from egams.onboard.graph import Graph
from egams.onboard.student import StageStudent
from egams.onboard.student_graph import INPUT, OUTPUTS, shapes, student_graph

RUNS_AT_ONCE = 16


class Answers(NamedTuple):
    """Outputs of a file.

    Parameters
    ----------
    probability
        ``[run, family]``; NaN where refused.
    refusal, stage, likeness
        ``[run, 1]``: see `egams.onboard.export`.
    """

    probability: NDArray[np.float32]
    refusal: NDArray[np.float32]
    stage: NDArray[np.float32]
    likeness: NDArray[np.float32]


def write_student(students: Sequence[StageStudent], path: Path, *, whole_numbers: bool) -> Graph:
    """Write a student for any number of runs at a time.

    Parameters
    ----------
    students
        In the order in which they are tried.
    path
        Of the file.
    whole_numbers
        int8 (and int16) weights, or the float32 that they stand for. Both give the same answers.
    """
    graph = student_graph(students, whole_numbers=whole_numbers)
    graph.save(path, *shapes())
    return graph


def run_onnx(path: Path, binned: NDArray[np.float32]) -> Answers:
    """Answer runs ``[run, m/z, bin]``."""
    session = open_session(path)
    found = [session.run(list(OUTPUTS), part) for part in _parts(binned)]
    return Answers(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _parts(binned: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    starts = range(0, max(1, len(binned)), RUNS_AT_ONCE)
    return ({INPUT: binned[start : start + RUNS_AT_ONCE]} for start in starts)
