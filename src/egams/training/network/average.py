"""Average of a network's weights over the steps of a training."""

from __future__ import annotations

import torch
from torch import nn

from egams.experiments.training_config import TrainingConfig


class WeightAverage:
    """Running average of weights and of batch statistics.

    Source: Polyak & Juditsky 1992; exponential as in Tarvainen & Valpola 2017 (with the average's
    memory growing from nothing, so that it never remembers the first, random weights), plain as
    in Izmailov et al. 2018 (SWA).
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        self.config = config
        self.count = 0
        # These are the network's own tensors, which training changes in place.
        live = network.state_dict()
        self.tensors = {name: value.clone() for name, value in live.items()}
        pairs = [(self.tensors[name], value) for name, value in live.items()]
        self.averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self.counted = [pair for pair in pairs if not pair[0].is_floating_point()]

    def after_step(self) -> None:
        """Take in the weights after a step."""
        if self.config.average == "ema":
            self.count += 1
            memory = min(self.config.average_decay, self.count / (self.count + 10))
            self._blend(1 - memory)

    def after_epoch(self, epoch: int) -> None:
        """Take in the weights after an epoch, counted from 0."""
        first = int(self.config.epochs * (1 - self.config.average_share))
        if self.config.average == "swa" and epoch >= first:
            self.count += 1
            self._blend(1 / self.count)
        if self.config.average == "none":
            self._blend(1.0)
        for count, value in self.counted:
            count.copy_(value)

    @torch.no_grad()
    def _blend(self, share: float) -> None:
        averages, values = zip(*self.averaged, strict=True)
        torch._foreach_lerp_(averages, values, share)
