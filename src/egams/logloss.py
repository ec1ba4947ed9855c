"""The challenge's score: mean over families of the binary log loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import BoolArray, FloatArray
from egams.errors import ArtifactError, InputError

EPS = 1e-15
"""Smallest probability that is scored: a certain and wrong answer costs 34.5, not infinity."""
ROUNDING = 1e-4


def truth_probability(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Probability given to what turned out to be true: p where the label is 1, 1 - p where it is 0.

    It is linear in p: averaging or clipping predictions averages or clips this too, so ensembles
    can be searched with a single logarithm for each entry.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        Probabilities ``[..., run, family]``; leading axes (members, draws, grids) are kept.

    Returns
    -------
    FloatArray
        ``[..., run, family]``, float64.

    Raises
    ------
    InputError
        If shapes disagree, there is no run, a label is not 0 or 1, or a probability is NaN or
        outside 0..1.
    """
    y = np.asarray(labels)
    p = np.asarray(probabilities, dtype=np.float64)
    if y.ndim != 2 or p.shape[-2:] != y.shape or y.size == 0:
        raise InputError(
            f"labels have shape {y.shape}, probabilities {p.shape}",
            expected="[run, family] for both, with at least one run",
        )
    _refuse(~((y == 0) | (y == 1)), "label", "0 or 1")
    _refuse(~((p >= 0) & (p <= 1)), "probability", "a number from 0 to 1")
    return np.where(y == 1, p, 1.0 - p)


def refuse_no_probabilities(answer: NDArray[np.floating[Any]], whose: str) -> None:
    """See that all of an answer are probabilities, but for rounding.

    Parameters
    ----------
    answer
        Of any shape.
    whose
        What gave it.

    Raises
    ------
    ArtifactError
        If one is not finite, or far from 0..1.
    """
    if not ((answer >= -ROUNDING) & (answer <= 1 + ROUNDING)).all():
        raise ArtifactError(
            f"{whose} gives an answer that is not a probability. Make it again, or take another."
        )


def mean_log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean over runs and families of the binary log loss: the score of the challenge.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        Probabilities ``[run, family]``.

    Raises
    ------
    InputError
        As `truth_probability`.
    """
    return float(log_loss_of_truth(truth_probability(labels, probabilities)).mean())


def run_losses(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Mean over families of the log loss of each run ``[run]``. Parameters as `mean_log_loss`."""
    return np.asarray(log_loss_of_truth(truth_probability(labels, probabilities)).mean(-1))


def log_loss_of_truth(truth: FloatArray) -> FloatArray:
    """Log loss of every entry, ``-log(max(truth, EPS))``, shaped like `truth`."""
    return -np.log(np.maximum(truth, EPS))


def _refuse(bad: BoolArray, what: str, expected: str) -> None:
    if bad.any():
        *_, run, family = np.argwhere(bad)[0]
        raise InputError(
            f"the {what} of run {run} (counted from 0), family {family} is unusable",
            expected=expected,
        )
