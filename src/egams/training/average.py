"""Average of a network's weights over the steps of a training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from egams.training.config import TrainingConfig


class WeightAverage:
    """Running average of weights and of batch statistics.

    Source: Polyak & Juditsky 1992; exponential as in Tarvainen & Valpola 2017 (with the average's
    memory growing from nothing, so that it never remembers the first, random weights), plain as
    in Izmailov et al. 2018 (SWA).
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        self.config = config
        self.count = 0
        self.tensors = {name: value.clone() for name, value in network.state_dict().items()}

    def after_step(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        if self.config.average == "ema":
            self.count += 1
            memory = min(self.config.average_decay, self.count / (self.count + 10))
            self._blend(network, 1 - memory)

    def after_epoch(self, network: nn.Module, epoch: int) -> None:
        """Take in the weights after an epoch, counted from 0."""
        first = int(self.config.epochs * (1 - self.config.average_share))
        if self.config.average == "swa" and epoch >= first:
            self.count += 1
            self._blend(network, 1 / self.count)
        if self.config.average == "none":
            self._blend(network, 1.0)

    @torch.no_grad()
    def _blend(self, network: nn.Module, share: float) -> None:
        state = network.state_dict()
        floating = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.tensors[name] for name in floating], [state[name] for name in floating], share
        )
        for name in state.keys() - set(floating):
            self.tensors[name].copy_(state[name])

    def state(self) -> dict[str, Tensor]:
        """Averaged weights, as a state dict."""
        return self.tensors
