"""Means of probabilities over models, folds and draws (write-up: "to average predictions")."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.errors import ConfigError


def mean_probability(probabilities: ArrayLike, weights: ArrayLike | None = None) -> FloatArray:
    """Mean over every axis but run and family.

    Parameters
    ----------
    probabilities
        ``[member, ..., run, family]``; between member and run stand any of fold and draw.
    weights
        Weight of each member ``[member]``, any positive sum; equal if None.

    Returns
    -------
    FloatArray
        ``[run, family]``.

    Raises
    ------
    ConfigError
        If weights are negative, all zero, or not one for each member.
    """
    p = np.asarray(probabilities)
    w = np.ones(p.shape[0]) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != p.shape[:1] or not bool(np.all(w >= 0)) or w.sum() == 0:
        raise ConfigError(
            f"weights {w.tolist()} for {p.shape[0]} members; expected one for each, none negative, "
            "not all zero"
        )
    inner = tuple(range(1, p.ndim - 2))
    members = p.mean(axis=inner, dtype=np.float64) if inner else p
    # Rounding may carry a mean of ones past 1, which every scorer refuses.
    mean: FloatArray = np.clip(np.tensordot(w / w.sum(), members, axes=1), 0.0, 1.0)
    return mean


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
        raise ConfigError(f"groups of {size} draws asked for; there are {draws}")
    groups = draws // size
    kept = p[..., : groups * size, :, :]
    shape = (*p.shape[:-3], groups, size, *p.shape[-2:])
    return np.moveaxis(kept.reshape(shape).mean(axis=-3, dtype=np.float64), -3, 0)
