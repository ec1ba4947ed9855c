"""Label sets: the sets of families that training runs were labelled with, predicted as one choice.

Samples are minerals and mixtures that somebody chose, so few of the 1,024 sets of ten families
occur: 42 among the challenge's runs. A network that also predicts which label set a run has learns
which families go together and which exclude each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from egams.arrays import Array, namespace
from egams.families import FAMILIES
from egams.logistic import sigmoid

if TYPE_CHECKING:
    from torch import Tensor

SHARE = 0.5
"""Share of the label sets in a probability; the rest is the prediction of each family."""


def label_sets_of(labels: Tensor) -> Tensor:
    """List the sets of families that occur ``[label set, family]`` in labels ``[run, family]``."""
    import torch

    label_sets: Tensor = torch.unique(labels, dim=0)
    return label_sets


def places(labels: Tensor, label_sets: Tensor) -> tuple[Tensor, Tensor]:
    """Which label set each run has, and whether it is among them: both ``[run]``."""
    same = (labels[:, None] == label_sets).all(2)
    return same.int().argmax(1), same.any(1)


def probabilities(outputs: Array, label_sets: Array | None) -> Array:
    """Probabilities ``[B, family]`` of a network's outputs ``[B, family + label set]``.

    The mean of two answers: that of each family's own logit, and the probability of all label sets
    that have the family.
    """
    own = sigmoid(outputs[:, : len(FAMILIES)])
    if label_sets is None:
        return own
    xp, choice = namespace(outputs), outputs[:, len(FAMILIES) :]
    chances = xp.exp(choice - xp.max(choice, axis=1, keepdims=True))
    # Rounding may carry a sum past 1, which every scorer refuses.
    joint = xp.clip((chances / xp.sum(chances, axis=1, keepdims=True)) @ label_sets, max=1)
    return (1 - SHARE) * own + SHARE * joint
