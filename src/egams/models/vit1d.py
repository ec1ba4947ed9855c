"""`vit1d`: a transformer with one token for each stretch of temperature."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from egams.models.layers import TEMPERATURE_COUNT, DropMz, Head, with_temperature
from egams.models.network import NetworkSettings, Sizes


class Vit1dConfig(NetworkSettings):
    """Settings of `Vit1d`, beside those of `NetworkSettings`.

    Parameters
    ----------
    columns
        Temperature columns in a token.
    width, depth, heads
        Of the transformer.
    """

    kind: Literal["vit1d"] = "vit1d"
    columns: int = Field(2, ge=1)
    width: int = Field(128, ge=8)
    depth: int = Field(3, ge=1)
    heads: int = Field(8, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)

    def build(self, sizes: Sizes) -> nn.Module:
        """Make the model, freshly initialised."""
        return Vit1d(self, sizes)


class Vit1d(nn.Module):
    """Pre-norm transformer over temperature, pooled by mean and maximum.

    Source: the write-up, "Visual Transformer with all m/z values combined to the single patch".
    """

    def __init__(self, config: Vit1dConfig, sizes: Sizes) -> None:
        super().__init__()
        self.columns = config.columns
        tokens = TEMPERATURE_COUNT // config.columns
        self.drop_mz = DropMz(config.mz_dropout)
        self.embed = nn.Linear((sizes.rows + 1) * config.columns, config.width)
        self.position = nn.Parameter(torch.randn(tokens, config.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            4 * config.width,
            config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, config.depth, nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.head = Head(2 * config.width, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        tokens = signal.reshape(len(signal), len(self.position), -1)
        states = self.encoder(self.embed(tokens) + self.position)
        pooled = torch.cat([states.mean(1), states.amax(1)], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
