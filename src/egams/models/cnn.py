"""`cnn`: an image network from timm over the spectrogram and its coordinates."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from egams.models.layers import MZ_COUNT, TEMPERATURE_COUNT, DropMz, Head
from egams.spectrogram.context import CONTEXT_FEATURES


class CnnConfig(BaseModel):
    """Settings of `Cnn`.

    Parameters
    ----------
    backbone
        Name of a timm model.
    backbone_settings
        Handed to timm as they are; the default makes a ResNet of 10 layers narrow.
    mz_dropout
        Share of m/z silenced in training.
    dropout
        Before the logits.
    context_width
        Size the run's context is brought to; 0 leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["cnn"] = "cnn"
    backbone: str = "resnet10t"
    backbone_settings: dict[str, Any] = Field(
        default_factory=lambda: {
            "channels": [24, 48, 96, 192],  # as JSON gives it back
            "stem_width": 12,
            "stem_type": "deep",
        }
    )
    mz_dropout: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    context_width: int = Field(32, ge=0)

    def build(self, context_features: int = CONTEXT_FEATURES) -> nn.Module:
        """Make the model, freshly initialised, for contexts of that size."""
        return Cnn(self, context_features)


class Cnn(nn.Module):
    """Channels: spectrogram, temperature position, m/z position; pooled by mean and maximum.

    Source: the write-up's CNN models with "encoded value for the temperature and m/z".
    """

    coordinates: Tensor

    def __init__(self, config: CnnConfig, context_features: int) -> None:
        super().__init__()
        import timm

        self.drop_mz = DropMz(config.mz_dropout)
        self.backbone = timm.create_model(
            config.backbone,
            in_chans=3,
            num_classes=0,
            global_pool="",
            **config.backbone_settings,
        )
        self.head = Head(
            2 * self.backbone.num_features, context_features, config.context_width, config.dropout
        )
        mz = torch.arange(MZ_COUNT) / MZ_COUNT
        temperature = torch.arange(TEMPERATURE_COUNT) / TEMPERATURE_COUNT
        grid = [temperature.expand(MZ_COUNT, -1), mz[:, None].expand(-1, TEMPERATURE_COUNT)]
        self.register_buffer("coordinates", torch.stack(grid), persistent=False)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, family]`` from ``[B, m/z, temperature]`` and ``[B, feature]``."""
        signal = self.drop_mz(spectrogram)[:, None]
        coordinates = self.coordinates.to(signal.dtype).expand(len(signal), -1, -1, -1)
        features = self.backbone(torch.cat([signal, coordinates], 1))
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
