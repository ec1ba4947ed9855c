"""One held-out fold after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import BoolArray
from egams.errors import InputError


def held_out_masks(folds: ArrayLike, runs: int) -> Iterator[tuple[int, BoolArray]]:
    """Yield each fold's number, ascending, and the mask of its runs ``[run]``.

    Parameters
    ----------
    folds
        Fold of each run ``[run]``.
    runs
        Number of runs.

    Raises
    ------
    InputError
        If there is not one fold number for each run, or only one fold.
    """
    numbers = np.asarray(folds)
    present = np.unique(numbers)
    if numbers.shape != (runs,):
        raise InputError(f"folds have shape {numbers.shape}", expected=f"[{runs}], one per run")
    if present.size < 2:
        raise InputError("all runs are in one fold", expected="at least two folds")
    for number in present:
        yield int(number), numbers == number
