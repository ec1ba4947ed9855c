"""`gru`: a recurrent network that reads a run as it warms, and back."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from egams.models.layers import MZ_COUNT, DropMz, Head, with_temperature
from egams.spectrogram.context import CONTEXT_FEATURES


class GruConfig(BaseModel):
    """Settings of `Gru`.

    Parameters
    ----------
    hidden
        Size of the state, each direction.
    depth
        Layers.
    mz_dropout
        Share of m/z silenced in training.
    dropout
        Between layers and before the logits.
    context_width
        Size the run's context is brought to; 0 leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["gru"] = "gru"
    hidden: int = Field(96, ge=1)
    depth: int = Field(2, ge=1)
    mz_dropout: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    context_width: int = Field(32, ge=0)

    def build(self, context_features: int = CONTEXT_FEATURES) -> nn.Module:
        """Make the model, freshly initialised, for contexts of that size."""
        return Gru(self, context_features)


class Gru(nn.Module):
    """Bidirectional GRU over temperature; pooled by mean and maximum.

    Source: the write-up's RNN models. They read the last step; pooling trains in far fewer steps.
    """

    def __init__(self, config: GruConfig, context_features: int) -> None:
        super().__init__()
        self.drop_mz = DropMz(config.mz_dropout)
        self.recurrent = nn.GRU(
            MZ_COUNT + 1,
            config.hidden,
            config.depth,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.depth > 1 else 0.0,
        )
        self.head = Head(4 * config.hidden, context_features, config.context_width, config.dropout)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, family]`` from ``[B, m/z, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        states, _ = self.recurrent(signal)
        pooled = torch.cat([states.mean(1), states.amax(1)], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
