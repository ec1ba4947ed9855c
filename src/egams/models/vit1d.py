"""`vit1d`: a transformer with one token for each stretch of temperature."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from egams.models.layers import MZ_COUNT, TEMPERATURE_COUNT, DropMz, Head, with_temperature
from egams.spectrogram.context import CONTEXT_FEATURES


class Vit1dConfig(BaseModel):
    """Settings of `Vit1d`.

    Parameters
    ----------
    columns
        Temperature columns in a token.
    width, depth, heads
        Of the transformer.
    mz_dropout
        Share of m/z silenced in training.
    dropout
        In the transformer and before the logits.
    context_width
        Size the run's context is brought to; 0 leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["vit1d"] = "vit1d"
    columns: int = Field(2, ge=1)
    width: int = Field(128, ge=8)
    depth: int = Field(3, ge=1)
    heads: int = Field(8, ge=1)
    mz_dropout: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    context_width: int = Field(32, ge=0)

    def build(self, context_features: int = CONTEXT_FEATURES) -> nn.Module:
        """Make the model, freshly initialised, for contexts of that size."""
        return Vit1d(self, context_features)


class Vit1d(nn.Module):
    """Pre-norm transformer over temperature, pooled by mean and maximum.

    Source: the write-up, "Visual Transformer with all m/z values combined to the single patch".
    """

    def __init__(self, config: Vit1dConfig, context_features: int) -> None:
        super().__init__()
        self.columns = config.columns
        tokens = TEMPERATURE_COUNT // config.columns
        self.drop_mz = DropMz(config.mz_dropout)
        self.embed = nn.Linear((MZ_COUNT + 1) * config.columns, config.width)
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
        self.head = Head(2 * config.width, context_features, config.context_width, config.dropout)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, family]`` from ``[B, m/z, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        tokens = signal.reshape(len(signal), len(self.position), -1)
        states = self.encoder(self.embed(tokens) + self.position)
        pooled = torch.cat([states.mean(1), states.amax(1)], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
