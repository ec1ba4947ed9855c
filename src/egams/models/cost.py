"""What a network costs: parameters, and multiply-accumulates for one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.models.network import NetworkSettings, Sizes


@dataclass(frozen=True)
class Cost:
    """Numbers of one network."""

    parameters: int
    macs: int


def cost(config: NetworkSettings, rows: int = MZ_COUNT) -> Cost:
    """Count without computing anything, nor making any weights.

    Parameters
    ----------
    rows
        Of its spectrograms.
    """
    sizes = Sizes(rows)
    with torch.device("meta"), torch.no_grad():
        network = config.build(sizes).eval()
        recurrent: list[int] = []
        for part in network.modules():
            if isinstance(part, nn.RNNBase):
                _count_apart(part, recurrent)
        given = torch.empty(1, rows, TEMPERATURE_COUNT), torch.empty(1, sizes.context)
        macs = multiply_adds(network, *given)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, macs + sum(recurrent))


def multiply_adds(network: nn.Module, *given: Tensor) -> int:
    """Count products of matrices, convolutions and attention for what a network is given.

    What is done element by element is not counted, nor is a sort or a look-up.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*given)
    return int(counter.get_total_flops()) // 2


def _count_apart(module: nn.RNNBase, macs: list[int]) -> None:
    """Skip the steps of a recurrent module, which would be counted one by one."""

    def forward(signal: Tensor, _state: Any = None) -> tuple[Tensor, None]:
        # Of a batch of one ``[1, step, feature]``: each weight once a step.
        matrices = (weight for weight in module.parameters() if weight.ndim == 2)
        macs.append(signal.shape[1] * sum(weight.numel() for weight in matrices))
        width = module.hidden_size * (2 if module.bidirectional else 1)
        return signal.new_empty(*signal.shape[:2], width), None

    module.forward = forward
