"""Out-of-fold predictions: what an ensemble is fitted on, one held-out fold after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.errors import InputError


@dataclass(frozen=True)
class OutOfFoldPredictions:
    """Predictions of held-out runs by several experiments, beside the truth.

    Parameters
    ----------
    names
        Experiments that finished every fold ``[member]``.
    run_ids, instruments, folds
        ``[run]``.
    labels
        ``[run, family]``.
    probabilities
        ``[member, draw, run, family]``.
    distance
        From the nearest training run ``[run]``; None where no member knows any.
    """

    names: tuple[str, ...]
    run_ids: tuple[str, ...]
    instruments: NDArray[np.str_]
    folds: IntArray
    labels: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    distance: FloatArray | None = None

    def of_runs(self, some: BoolArray) -> OutOfFoldPredictions:
        """Predictions of some runs ``[run]``."""
        return OutOfFoldPredictions(
            self.names,
            tuple(compress(self.run_ids, some)),
            self.instruments[some],
            self.folds[some],
            self.labels[some],
            self.probabilities[:, :, some],
            None if self.distance is None else self.distance[some],
        )

    @property
    def mean_over_draws(self) -> FloatArray:
        """``[member, run, family]``."""
        return np.asarray(self.probabilities.mean(1, dtype=np.float64))


def held_out_masks(folds: ArrayLike, runs: int) -> Iterator[BoolArray]:
    """Yield the mask of each fold's runs ``[run]``, by ascending numbers of `folds` ``[run]``.

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
        yield numbers == number
