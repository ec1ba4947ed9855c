"""Loss of logits against smoothed labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egams.training.config import TrainingConfig


def smooth(labels: Tensor, smoothing: float) -> Tensor:
    """y / (1 + 2 s) + s, as the winning solution's published code has it with s = 0.001."""
    return labels / (1 + 2 * smoothing) + smoothing


def loss(logits: Tensor, labels: Tensor, config: TrainingConfig) -> Tensor:
    """Mean loss over ``[B, family]``.

    Focal loss (Lin et al. 2017, equation 4, without class weights) turns away from entries that
    are right already.
    """
    target = smooth(labels, config.smoothing)
    entries = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if config.loss == "focal":
        probability = torch.sigmoid(logits)
        wrong = (target - probability).abs()
        entries = entries * wrong**config.focus
    return entries.mean()
