"""Recipes: the sets of families that training runs were labelled with, told as one choice.

Samples are minerals and mixtures that somebody chose, so few of the 1,024 sets of ten families
occur: 42 among the challenge's runs. A network that also says which recipe a run is learns how
families go together, and is told of each run which families exclude each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from egams.families import FAMILIES

SHARE = 0.5
"""Share of the recipes in a probability; the rest is what the network says of each family."""


def recipes_of(labels: Tensor) -> Tensor:
    """List the sets of families that occur ``[recipe, family]`` in labels ``[run, family]``."""
    recipes: Tensor = torch.unique(labels, dim=0)
    return recipes


def places(labels: Tensor, recipes: Tensor) -> tuple[Tensor, Tensor]:
    """Which recipe each run is, and whether it is one at all: both ``[run]``."""
    same = (labels[:, None] == recipes).all(2)
    return same.to(torch.int8).argmax(1), same.any(1)


def probabilities(outputs: Tensor, recipes: Tensor | None) -> Tensor:
    """Probabilities ``[B, family]`` of a network's outputs ``[B, family + recipe]``.

    The mean of two answers: that of each family's own logit, and the probability of all recipes
    that have the family.
    """
    own = torch.sigmoid(outputs[:, : len(FAMILIES)])
    if recipes is None:
        return own
    # Rounding may carry a sum past 1, which every scorer refuses.
    joint = (torch.softmax(outputs[:, len(FAMILIES) :], 1) @ recipes).clamp_max(1.0)
    return (1 - SHARE) * own + SHARE * joint
