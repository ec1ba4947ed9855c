"""How sure a score is: percentile bootstrap over runs.

Runs are resampled, not entries, because the ten labels of one run share its sample and its noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.errors import ConfigError
from egams.evaluate.metrics import Metric

RESAMPLES = 1000
_CHUNK = 100  # resamples at a time: the ranks of 800 runs x 10 families then take 6 MB


@dataclass(frozen=True)
class Interval:
    """A score and the interval that holds it in `level` of the resamples.

    Parameters
    ----------
    estimate
        Score of all runs, each once.
    low, high
        Percentiles over the resamples.
    level
        Share of the resamples between them.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95


def bootstrap_interval(
    metric: Metric,
    labels: ArrayLike,
    probabilities: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a metric over resampled runs (Efron and Tibshirani 1993, ch. 13).

    Resamples in which the metric is not defined (a family without positives) are left out.

    Parameters
    ----------
    metric
        ``(labels, probabilities, weights) -> [...]``, as in `egams.evaluate.metrics.METRICS`.
    labels
        0 or 1 ``[run, family]``.
    probabilities
        ``[run, family]``.
    rng
        Draws the resamples.
    resamples
        How many.
    level
        Share of the resamples inside the interval.

    Raises
    ------
    ConfigError
        If `resamples` is below 1, or `level` not between 0 and 1.
    """
    scores = [
        metric(labels, probabilities, weights)
        for weights in _resample(len(np.asarray(labels)), resamples, rng)
    ]
    return _interval(float(metric(labels, probabilities, None)), np.concatenate(scores), level)


def paired_difference(
    metric: Metric,
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Interval of ``metric(first) - metric(second)`` over the same resampled runs.

    Runs that are hard for both cancel, so it is far narrower than the two intervals suggest.
    Parameters and errors as `bootstrap_interval`; `first` and `second` are the probabilities
    ``[run, family]`` of two predictions of the same runs.
    """
    scores = [
        metric(labels, first, weights) - metric(labels, second, weights)
        for weights in _resample(len(np.asarray(labels)), resamples, rng)
    ]
    estimate = float(metric(labels, first, None) - metric(labels, second, None))
    return _interval(estimate, np.concatenate(scores), level)


def _resample(runs: int, resamples: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield how often each run is drawn, ``[resample, run]``, some resamples at a time."""
    if resamples < 1:
        raise ConfigError(f"resamples is {resamples}; expected 1 or more")
    share = np.full(runs, 1.0 / max(runs, 1))
    for start in range(0, resamples, _CHUNK):
        count = min(_CHUNK, resamples - start)
        yield rng.multinomial(runs, share, size=count).astype(np.float64)


def _interval(estimate: float, scores: FloatArray, level: float) -> Interval:
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level is {level}; expected a number between 0 and 1")
    defined = scores[~np.isnan(scores)]
    if defined.size == 0:
        return Interval(estimate, float("nan"), float("nan"), level)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return Interval(estimate, float(low), float(high), level)
