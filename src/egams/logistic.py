"""The logistic function, without loading scipy for it."""

from egams.arrays import Array, namespace


def sigmoid(logits: Array) -> Array:
    """Probabilities of logits of any shape, in their library; neither end overflows."""
    xp = namespace(logits)
    falling = xp.exp(-xp.abs(logits))
    return xp.where(logits >= 0, 1, falling) / (1 + falling)
