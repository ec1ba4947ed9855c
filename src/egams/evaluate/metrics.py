"""Scores beside the log loss: average precision, area under the ROC curve, calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray, IntArray
from egams.logloss import truth_probability

ECE_BINS = 15


def average_precision(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Average precision of each family ``[family]``; NaN where all runs are of one class.

    Sum over thresholds of precision times the gain in recall, without interpolation; equal
    probabilities are one threshold.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        ``[run, family]``.

    Raises
    ------
    InputError
        As `egams.logloss.truth_probability`; so do the other metrics.
    """
    return np.array(
        [
            (np.diff(true) * true[1:] / (true + false)[1:]).sum() / true[-1]
            if true[-1] and false[-1]
            else np.nan
            for true, false in _passed(labels, probabilities)
        ]
    )


def roc_auc(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Area under the ROC curve of each family ``[family]``; NaN where of one class only.

    The chance that a run with the family gets a higher probability than one without; equal
    probabilities count half. Parameters as `average_precision`.
    """
    return np.array(
        [
            (np.diff(false) * (true[1:] + true[:-1])).sum() / (2 * true[-1] * false[-1])
            if true[-1] and false[-1]
            else np.nan
            for true, false in _passed(labels, probabilities)
        ]
    )


def mean_defined(scores: FloatArray) -> float:
    """Mean of `scores` over the families that have one; NaN if none has."""
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if defined.size else float("nan")


def calibration_error(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Expected calibration error, pooled over all runs and families.

    Entries fall into 15 bins of equal width by probability; the error is the mean over entries of
    the gap, in their bin, between the share of ones and the mean probability (Naeini et al. 2015;
    Guo et al. 2017). With few entries it is biased upwards. Parameters as `average_precision`.
    """
    y, p = _checked(labels, probabilities)
    return float(np.abs(np.bincount(_bins(p), (y - p).ravel())).sum() / y.size)


def _passed(labels: ArrayLike, probabilities: ArrayLike) -> list[tuple[IntArray, IntArray]]:
    """For each family the ones and the zeros at or above each threshold, from none to all."""
    y, p = _checked(labels, probabilities)
    passed = []
    for family in range(y.shape[1]):
        order = np.argsort(-p[:, family], kind="stable")
        descending = p[order, family]
        last = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
        true = np.append(0, y[order, family].cumsum()[last]).astype(np.intp)
        passed.append((true, np.append(0, last + 1) - true))
    return passed


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[FloatArray, FloatArray]:
    truth_probability(labels, probabilities)
    return np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)


def _bins(p: FloatArray) -> IntArray:
    return np.minimum((p * ECE_BINS).astype(np.intp), ECE_BINS - 1).ravel()
