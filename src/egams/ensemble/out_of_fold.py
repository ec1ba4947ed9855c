"""Out-of-fold predictions: what an ensemble is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    folds: NDArray[np.intp]
    labels: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def mean_over_draws(self) -> NDArray[np.float64]:
        """``[member, run, family]``."""
        mean: NDArray[np.float64] = self.probabilities.mean(1, dtype=np.float64)
        return mean
