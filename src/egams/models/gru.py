"""`gru`: a recurrent network that reads a run as it warms, and back."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from egams.models.layers import DropMz, Head, with_temperature
from egams.models.network import NetworkSettings, Sizes


class GruConfig(NetworkSettings):
    """Settings of `Gru`, beside those of `NetworkSettings`.

    Parameters
    ----------
    hidden
        Size of the state, each direction.
    depth
        Layers.
    """

    kind: Literal["gru"] = "gru"
    hidden: int = Field(96, ge=1)
    depth: int = Field(2, ge=1)

    def build(self, sizes: Sizes) -> nn.Module:
        """Make the model, freshly initialised."""
        return Gru(self, sizes)


class Gru(nn.Module):
    """Bidirectional GRU over temperature; pooled by mean and maximum.

    Source: the write-up's RNN models. They read the last step; pooling trains in far fewer steps.
    """

    def __init__(self, config: GruConfig, sizes: Sizes) -> None:
        super().__init__()
        self.drop_mz = DropMz(config.mz_dropout)
        self.recurrent = nn.GRU(
            sizes.rows + 1,
            config.hidden,
            config.depth,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.depth > 1 else 0.0,
        )
        self.head = Head(4 * config.hidden, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        states, _ = self.recurrent(signal)
        pooled = torch.cat([states.mean(1), states.amax(1)], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
