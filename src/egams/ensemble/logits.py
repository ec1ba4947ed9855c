"""Log odds of probabilities that are never quite sure."""

from __future__ import annotations

import numpy as np
from scipy import special

from egams.arrays import FloatArray

SUREST = 1e-4
"""Probabilities count as no nearer than this to 0 or 1: a logit of 9.2 at most."""


def logit(probabilities: FloatArray) -> FloatArray:
    """Log odds of probabilities, none surer than `SUREST`."""
    return np.asarray(special.logit(np.clip(probabilities, SUREST, 1.0 - SUREST)))
