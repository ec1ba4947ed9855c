"""`cnn`: an image network from timm over the spectrogram and its coordinates."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from egams.models.layers import TEMPERATURE_COUNT, DropMz, Head
from egams.models.network import NetworkSettings, Sizes
from egams.preprocess.restrict import MZ_COUNT


class CnnConfig(NetworkSettings):
    """Settings of `Cnn`, beside those of `NetworkSettings`.

    Parameters
    ----------
    backbone
        Name of a timm model.
    backbone_settings
        Handed to timm as they are; the default makes a ResNet of 10 layers narrow.
    """

    kind: Literal["cnn"] = "cnn"
    backbone: str = "resnet10t"
    backbone_settings: dict[str, Any] = Field(
        default_factory=lambda: {
            "channels": [24, 48, 96, 192],  # as JSON gives it back
            "stem_width": 12,
            "stem_type": "deep",
        }
    )

    def build(self, sizes: Sizes) -> nn.Module:
        """Make the model, freshly initialised."""
        return Cnn(self, sizes)


class Cnn(nn.Module):
    """Channels: spectrogram in each normalisation, temperature and m/z position; pooled.

    Source: the write-up's CNN models with "encoded value for the temperature and m/z".
    """

    coordinates: Tensor

    def __init__(self, config: CnnConfig, sizes: Sizes) -> None:
        super().__init__()
        import timm

        self.normalisations = sizes.rows // MZ_COUNT
        self.drop_mz = DropMz(config.mz_dropout)
        self.backbone = timm.create_model(
            config.backbone,
            in_chans=self.normalisations + 2,
            num_classes=0,
            global_pool="",
            **config.backbone_settings,
        )
        self.head = Head(2 * self.backbone.num_features, sizes, config)
        mz = torch.arange(MZ_COUNT) / MZ_COUNT
        temperature = torch.arange(TEMPERATURE_COUNT) / TEMPERATURE_COUNT
        grid = [temperature.expand(MZ_COUNT, -1), mz[:, None].expand(-1, TEMPERATURE_COUNT)]
        self.register_buffer("coordinates", torch.stack(grid), persistent=False)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = self.drop_mz(spectrogram).unflatten(1, (self.normalisations, MZ_COUNT))
        coordinates = self.coordinates.to(signal.dtype).expand(len(signal), -1, -1, -1)
        features = self.backbone(torch.cat([signal, coordinates], 1))
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        logits: Tensor = self.head(pooled, context)
        return logits
