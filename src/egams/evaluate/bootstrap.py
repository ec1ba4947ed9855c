"""How sure a mean loss is: a percentile bootstrap over runs, or over groups of near-duplicates.

Runs are resampled, not entries, because the ten labels of one run share its sample and its noise.
Near-duplicate runs succeed or fail together for the same reason, so their groups are resampled
whole where they are known (Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.errors import InputError

RESAMPLES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean loss, or a difference of two, and where it lies in 95 % of the resamples.

    Parameters
    ----------
    estimate
        Mean of all runs, each once.
    low, high
        Percentiles over the resamples.
    """

    estimate: float
    low: float
    high: float


def interval(
    losses: FloatArray, rng: np.random.Generator, groups: IntArray | None = None
) -> Interval:
    """Percentile interval of the mean of losses (Efron and Tibshirani 1993, ch. 13).

    To compare two predictions of the same runs, hand over the difference of their losses: runs
    that are hard for both cancel, so it is far narrower than the two intervals suggest.

    Parameters
    ----------
    losses
        Loss of each run, or difference of two ``[run]``: see `egams.logloss.run_losses`.
    rng
        Draws the resamples.
    groups
        Number of the group of near-duplicates of each run ``[run]``; None resamples runs.

    Raises
    ------
    InputError
        If there is no run, or not one group for each.
    """
    if len(losses) == 0 or (groups is not None and len(groups) != len(losses)):
        named = "" if groups is None else f", {len(groups)} groups"
        raise InputError(f"losses of {len(losses)} runs{named}", expected="at least one run")
    _, group = np.unique(np.arange(len(losses)) if groups is None else groups, return_inverse=True)
    total, runs = np.bincount(group, losses), np.bincount(group).astype(np.float64)
    count = len(runs)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile((drawn @ total) / (drawn @ runs), [tail, 1 - tail])
    return Interval(float(total.sum() / runs.sum()), float(low), float(high))


def resampled(groups: IntArray | None) -> str:
    """Name what `interval` resamples, for a caption."""
    return "runs" if groups is None else "groups of near-duplicate runs"
