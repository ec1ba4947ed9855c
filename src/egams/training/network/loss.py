"""Loss of logits against smoothed labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.models.label_sets import places


def smooth(labels: Tensor, smoothing: float) -> Tensor:
    """Labels y / (1 + 2 s) + s, as the winning solution's published code has it with s = 0.001."""
    return labels / (1 + 2 * smoothing) + smoothing


def loss(
    outputs: Tensor, labels: Tensor, label_sets: Tensor | None, config: TrainingConfig
) -> Tensor:
    """Mean loss over ``[B, family]``, and of the label sets where a network learns them.

    Focal loss (Lin et al. 2017, equation 4, without class weights) turns away from entries that
    are right already. A mixture that is none of the label sets has no part in their cross entropy,
    which counts as that of one family times `config.label_sets`.

    Parameters
    ----------
    outputs
        Logits of families, then of label sets ``[B, output]``.
    labels
        ``[B, family]``.
    label_sets
        ``[label set, family]``, or None.
    """
    logits = outputs[:, : len(FAMILIES)]
    target = smooth(labels, config.smoothing)
    entries = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if config.loss == "focal":
        probability = torch.sigmoid(logits)
        wrong = (target - probability).abs()
        entries = entries * wrong**config.focus
    if label_sets is None:
        return entries.mean()
    place, known = places(labels, label_sets)
    entropy = functional.cross_entropy(outputs[:, len(FAMILIES) :], place, reduction="none")
    return entries.mean() + config.label_sets * (entropy * known).mean() / len(FAMILIES)
