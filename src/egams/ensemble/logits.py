"""Probabilities as log odds, and back."""

from __future__ import annotations

import numpy as np

from egams.arrays import FloatArray

SUREST = 1e-4
"""Probabilities count as no nearer than this to 0 or 1: a logit of 9.2 at most."""


def logit(probabilities: FloatArray) -> FloatArray:
    """Log odds of probabilities, none surer than `SUREST`."""
    held: FloatArray = np.clip(probabilities, SUREST, 1.0 - SUREST)
    odds: FloatArray = np.log(held) - np.log1p(-held)
    return odds


def sigmoid(logits: FloatArray) -> FloatArray:
    """Probabilities of log odds."""
    # By way of tanh, which never overflows.
    probabilities: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return probabilities
