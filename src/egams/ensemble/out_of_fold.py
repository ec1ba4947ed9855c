"""Out-of-fold predictions: what an ensemble is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray


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
    """

    names: tuple[str, ...]
    run_ids: tuple[str, ...]
    instruments: NDArray[np.str_]
    folds: IntArray
    labels: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def mean_over_draws(self) -> FloatArray:
        """``[member, run, family]``."""
        return np.asarray(self.probabilities.mean(1, dtype=np.float64))
