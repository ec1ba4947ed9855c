"""Learning rate, relative to its peak, over a training."""

from __future__ import annotations

import math

FIRST_PERIOD = 16
PERIOD_GROWTH = 1.41421
LOWEST = 1e-3
FIRST_EPOCH = 1e-2
WARM_SHARE = 0.1


def one_cycle(step: int, steps: int) -> float:
    """Rise linearly over the first tenth of all steps, then fall as a cosine to zero.

    Source: Smith 2018, "A disciplined approach", in the cosine form that PyTorch has.
    """
    progress = (step + 0.5) / steps
    if progress < WARM_SHARE:
        return progress / WARM_SHARE
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_SHARE) / (1 - WARM_SHARE)))


def restarts(epoch: int) -> float:
    """Cosine annealing with warm restarts (Loshchilov & Hutter 2017), by epoch.

    First period 16 epochs, each next 1.41421 times as long, down to a thousandth; the very first
    epoch at a hundredth. Source: the winning solution's published constants.
    """
    if epoch == 0:
        return FIRST_EPOCH
    start, period = 0.0, float(FIRST_PERIOD)
    while epoch >= start + period:
        start += period
        period *= PERIOD_GROWTH
    progress = (epoch - start) / period
    return LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * progress))
