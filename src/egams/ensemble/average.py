"""Means of probabilities over models, folds and draws (write-up: "to average predictions")."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.errors import ConfigError


def mean_probability(probabilities: ArrayLike) -> FloatArray:
    """Mean of members ``[run, family]``, from ``[member, run, family]``."""
    # Rounding may carry a mean of ones past 1, which every scorer refuses.
    return np.asarray(np.minimum(np.asarray(probabilities).mean(0, dtype=np.float64), 1.0))


def draw_groups(probabilities: ArrayLike, size: int) -> FloatArray:
    """Means over disjoint groups of `size` draws, for the table of test-time draws.

    Sixteen draws hold sixteen answers to "how good is one draw", eight to "how good are two":
    scoring every group takes out the luck of which draw came first.

    Parameters
    ----------
    probabilities
        ``[..., draw, run, family]``.
    size
        Draws in a group; draws left over at the end are not used.

    Returns
    -------
    FloatArray
        ``[group, ..., run, family]``.

    Raises
    ------
    ConfigError
        If there are fewer draws than `size`, or `size` is below 1.
    """
    p = np.asarray(probabilities)
    draws = p.shape[-3]
    if not 1 <= size <= draws:
        raise ConfigError(f"groups of {size} draws requested; there are {draws}")
    groups = draws // size
    kept = p[..., : groups * size, :, :]
    shape = (*p.shape[:-3], groups, size, *p.shape[-2:])
    return np.moveaxis(kept.reshape(shape).mean(axis=-3, dtype=np.float64), -3, 0)
