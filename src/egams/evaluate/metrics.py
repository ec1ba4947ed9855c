"""Scores of probabilities, vectorised over families and over weightings of the runs.

Every metric is a function ``(labels, probabilities, weights) -> scores``. `weights` is how often
each run counts, ``[..., run]``; its leading axes come back as leading axes of the scores. A
bootstrap resample is such a weighting, so a thousand of them cost one sort.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.logloss import log_loss_of_truth, truth_probability

Metric = Callable[[ArrayLike, ArrayLike, ArrayLike | None], FloatArray]

ECE_BINS = 15


def log_loss(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Binary log loss of each family ``[..., family]``.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        ``[run, family]``.
    weights
        How often each run counts ``[..., run]``; once if None.

    Raises
    ------
    InputError
        As `egams.logloss.truth_probability`; so do the other metrics.
    """
    losses = log_loss_of_truth(truth_probability(labels, probabilities))
    w = _weights(weights, len(losses))
    mean: FloatArray = (w @ losses) / w.sum(axis=-1, keepdims=True)
    return mean


def average_precision(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Average precision of each family ``[..., family]``; NaN where all runs are of one class.

    Sum over thresholds of precision times the gain in recall, without interpolation; equal
    probabilities are one threshold. Parameters as `log_loss`.
    """
    ranked = _rank(labels, probabilities, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        # A place that no run of a resample takes up has weight 0 and adds nothing.
        precision = ranked.true / np.maximum(ranked.true + ranked.false, 1e-300)
        score = (ranked.positive * precision).sum(axis=-2) / ranked.positives
    return np.where(ranked.one_class, np.nan, score)


def roc_auc(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Area under the ROC curve of each family ``[..., family]``; NaN where of one class only.

    The chance that a run with the family gets a higher probability than one without; equal
    probabilities count half. Parameters as `log_loss`.
    """
    ranked = _rank(labels, probabilities, weights)
    negatives = ranked.negatives[..., None, :]
    beaten = negatives - 0.5 * (ranked.false + ranked.false_above)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = ranked.positives * ranked.negatives
        score = (ranked.positive * beaten).sum(axis=-2) / pairs
    return np.where(ranked.one_class, np.nan, score)


def mean_log_loss(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Mean over families of `log_loss`, the score of the challenge ``[...]``."""
    mean: FloatArray = log_loss(labels, probabilities, weights).mean(axis=-1)
    return mean


def mean_average_precision(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Mean of `average_precision` over the families it is defined for ``[...]``."""
    return _mean_defined(average_precision(labels, probabilities, weights))


def mean_roc_auc(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Mean of `roc_auc` over the families it is defined for ``[...]``."""
    return _mean_defined(roc_auc(labels, probabilities, weights))


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Expected calibration error ``[...]``, pooled over all runs and families.

    Entries fall into 15 bins of equal width by probability; the error is the mean over entries of
    the gap, in their bin, between the share of ones and the mean probability (Naeini et al. 2015;
    Guo et al. 2017). With few entries it is biased upwards, so a resample scores worse than the
    whole: read its bootstrap interval with that in mind. Parameters as `log_loss`.
    """
    y, p = _checked(labels, probabilities)
    runs, families = y.shape
    w = _weights(weights, runs)
    place = _bins(p) + ECE_BINS * np.arange(runs)[:, None]
    gaps = np.bincount(place.ravel(), (y - p).ravel(), runs * ECE_BINS).reshape(runs, ECE_BINS)
    error: FloatArray = np.abs(w @ gaps).sum(axis=-1) / (families * w.sum(axis=-1))
    return error


METRICS: Mapping[str, Metric] = {
    "log loss": mean_log_loss,
    "AP": mean_average_precision,
    "ROC AUC": mean_roc_auc,
    "ECE": calibration_error,
}
"""One number for a set of runs: ``(labels, probabilities, weights) -> [...]``."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Share of ones against probability, in the bins of `calibration_error`.

    Parameters
    ----------
    probability
        Mean probability of the entries in each bin ``[bin]``; NaN where it is empty.
    share
        Share of ones in each bin ``[bin]``; NaN where it is empty.
    count
        Entries in each bin ``[bin]``.
    """

    probability: FloatArray
    share: FloatArray
    count: NDArray[np.int64]


def reliability(labels: ArrayLike, probabilities: ArrayLike) -> Reliability:
    """Reliability curve, pooled over all runs and families. Parameters as `log_loss`."""
    y, p = _checked(labels, probabilities)
    place = _bins(p).ravel()
    count = np.bincount(place, minlength=ECE_BINS)
    with np.errstate(invalid="ignore"):
        return Reliability(
            probability=np.bincount(place, p.ravel(), ECE_BINS) / count,
            share=np.bincount(place, y.ravel(), ECE_BINS) / count,
            count=count,
        )


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Runs in descending order of probability, ``[..., place, family]``.

    `positive` is the weight of ones at a place; `true` and `false` are the weights of ones and
    zeros whose probability is at least that of the place, `false_above` of zeros above it.
    """

    positive: FloatArray
    true: FloatArray
    false: FloatArray
    false_above: FloatArray

    @property
    def positives(self) -> FloatArray:
        return self.true[..., -1, :]

    @property
    def negatives(self) -> FloatArray:
        return self.false[..., -1, :]

    @property
    def one_class(self) -> BoolArray:
        missing: BoolArray = (self.positives == 0) | (self.negatives == 0)
        return missing


def _rank(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None) -> _Ranked:
    y, p = _checked(labels, probabilities)
    w = _weights(weights, len(y))
    order = np.argsort(-p, axis=0, kind="stable")
    y, p = np.take_along_axis(y, order, 0), np.take_along_axis(p, order, 0)
    positive, negative = w[..., order] * y, w[..., order] * (1.0 - y)

    # Equal probabilities share one threshold: each place looks up the sums where its group ends.
    places = np.arange(len(p))[:, None]
    differs = p[1:] != p[:-1]
    edge = np.ones((1, p.shape[1]), dtype=bool)
    first = np.maximum.accumulate(np.where(np.vstack([edge, differs]), places, 0), axis=0)
    is_last = np.vstack([differs, edge])
    last = np.minimum.accumulate(np.where(is_last, places, len(p))[::-1], axis=0)[::-1]

    family = np.arange(p.shape[1])
    true, false = positive.cumsum(axis=-2), negative.cumsum(axis=-2)
    above = np.where(first > 0, false[..., first - 1, family], 0.0)
    return _Ranked(positive, true[..., last, family], false[..., last, family], above)


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[FloatArray, FloatArray]:
    truth_probability(labels, probabilities)
    return np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)


def _weights(weights: ArrayLike | None, runs: int) -> FloatArray:
    return np.ones(runs) if weights is None else np.asarray(weights, dtype=np.float64)


def _bins(p: FloatArray) -> IntArray:
    return np.minimum((p * ECE_BINS).astype(np.intp), ECE_BINS - 1)


def _mean_defined(scores: FloatArray) -> FloatArray:
    defined = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.where(defined, scores, 0.0).sum(axis=-1) / defined.sum(axis=-1)
    return mean
