"""The network of `egams.models.conv1d`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from egams.models.conv1d import GROUPS, HIGHEST_SLOPE, LOWEST_SLOPE, SLOPE, Conv1dConfig
from egams.models.layers import DropMz, Head, mean_and_max, with_temperature
from egams.models.network import Sizes


class _RandomSlope(nn.RReLU):
    def __init__(self) -> None:
        super().__init__(LOWEST_SLOPE, HIGHEST_SLOPE)

    def forward(self, signal: Tensor) -> Tensor:
        if self.training:
            return super().forward(signal)
        # The same, and known to ONNX.
        return functional.leaky_relu(signal, SLOPE)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            _RandomSlope(),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.GroupNorm(GROUPS, width),
            _RandomSlope(),
            nn.Conv1d(width, width, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.body(features)
        return features + change


class Conv1d(nn.Module):
    """Dilated residual convolutions over temperature, pooled by mean and maximum.

    Source: the 2nd place's network (group norm, randomised ReLU, dilations, channel dropout).
    """

    def __init__(self, config: Conv1dConfig, sizes: Sizes) -> None:
        super().__init__()
        self.drop_mz = DropMz(config.mz_dropout)
        self.stem = nn.Conv1d(sizes.rows + 1, config.width, 5, config.stride, padding=2)
        self.blocks = nn.Sequential(*(_Block(config.width, step) for step in config.dilations))
        self.last = nn.Sequential(nn.GroupNorm(GROUPS, config.width), _RandomSlope())
        self.head = Head(2 * config.width, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram))
        features = self.last(self.blocks(self.stem(signal)))
        return self.head(mean_and_max(features, 2), context)
