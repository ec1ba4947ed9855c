"""Probabilities of many runs as the challenge's CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from egams.artifact import written_whole
from egams.errors import InputError
from egams.families import FAMILIES
from egams.io.run_rows import ID
from egams.logloss import truth_probability


def write_submission(path: str | Path, run_ids: Sequence[str], probabilities: ArrayLike) -> None:
    """Write probabilities in the challenge's layout, to a temporary name and renamed.

    Every number is written with the digits that bring the same float64 back.

    Parameters
    ----------
    path
        CSV file to write.
    run_ids
        Name of each run.
    probabilities
        ``[run, family]``.

    Raises
    ------
    InputError
        If shapes disagree, a run appears twice, or a probability is NaN or outside 0..1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(run_ids), len(FAMILIES)):
        raise InputError(
            f"{len(run_ids)} runs, probabilities of shape {p.shape}", expected="[run, family]"
        )
    if len(set(run_ids)) < len(run_ids):
        raise InputError("a run appears twice", expected="each run once")
    if p.size:
        truth_probability(np.zeros(p.shape), p)
    with (
        written_whole(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([ID, *FAMILIES])
        writer.writerows([name, *row] for name, row in zip(run_ids, p.tolist(), strict=True))
