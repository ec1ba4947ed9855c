"""Label sets: the sets of families that training runs were labelled with, predicted as one choice.

Samples are minerals and mixtures that somebody chose, so few of the 1,024 sets of ten families
occur: 42 among the challenge's runs. A network that also predicts which label set a run has learns
which families go together and which exclude each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from egams.families import FAMILIES

SHARE = 0.5
"""Share of the label sets in a probability; the rest is the prediction of each family."""


def label_sets_of(labels: Tensor) -> Tensor:
    """List the sets of families that occur ``[label set, family]`` in labels ``[run, family]``."""
    label_sets: Tensor = torch.unique(labels, dim=0)
    return label_sets


def places(labels: Tensor, label_sets: Tensor) -> tuple[Tensor, Tensor]:
    """Which label set each run has, and whether it is among them: both ``[run]``."""
    same = (labels[:, None] == label_sets).all(2)
    return same.to(torch.int8).argmax(1), same.any(1)


def probabilities(outputs: Tensor, label_sets: Tensor | None) -> Tensor:
    """Probabilities ``[B, family]`` of a network's outputs ``[B, family + label set]``.

    The mean of two answers: that of each family's own logit, and the probability of all label sets
    that have the family.
    """
    own = torch.sigmoid(outputs[:, : len(FAMILIES)])
    if label_sets is None:
        return own
    # Rounding may carry a sum past 1, which every scorer refuses.
    joint = (torch.softmax(outputs[:, len(FAMILIES) :], 1) @ label_sets).clamp_max(1.0)
    return (1 - SHARE) * own + SHARE * joint
