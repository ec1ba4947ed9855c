"""In which numbers a network computes while it learns."""

from __future__ import annotations

import torch
from torch import nn

from egams.experiments.training_config import Precision


def in_bfloat16(precision: Precision, device: torch.device, network: nn.Module) -> bool:
    """Say whether a training runs under bfloat16 autocast; weights stay float32.

    ``"auto"`` does where that is faster: where the hardware multiplies in bfloat16 (elsewhere it is
    emulated), but for networks with depthwise convolutions on a processor.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or has_depthwise(network):
        return False
    amx, avx512 = torch.cpu._is_amx_tile_supported(), torch.cpu._is_avx512_bf16_supported()
    return bool(amx or avx512)


def laid_out(network: nn.Module, bfloat16: bool) -> None:
    """Lay images out with channels last where that is what the fast convolutions read.

    In float32 on a processor, full-size networks without depthwise convolutions lose a tenth by it.
    """
    if bfloat16 or has_depthwise(network):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def has_depthwise(network: nn.Module) -> bool:
    """Say whether a network convolves channels each by itself."""
    convolutions = [
        layer for layer in network.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)
    ]
    return any(layer.groups == layer.in_channels > 1 for layer in convolutions)
