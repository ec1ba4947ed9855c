"""The logistic function, without loading scipy for it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sigmoid(logits: ArrayLike) -> NDArray[Any]:
    """Probabilities of logits of any shape; neither end overflows."""
    z = np.asarray(logits)
    falling = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, falling) / (1 + falling))
