"""`cnn`: an image network from timm over the spectrogram, and its coordinates."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.models.layers import DropMz, Head, mean_and_max
from egams.models.network import NetworkSettings, Sizes
from egams.models.pretrained import starting_weights


class CnnConfig(NetworkSettings):
    """Settings of `Cnn`, beside those of `NetworkSettings`.

    Parameters
    ----------
    backbone
        Name of a timm model.
    backbone_settings
        Handed to timm as they are; the default makes a ResNet of 10 layers narrow.
    coordinates
        Whether temperature and m/z position join the spectrogram as two more channels.
    pooling
        ``"mean_max"``: mean and maximum over the last features; ``"mean"``: as timm's own
        classifiers have it.
    pretrained
        Weights of ImageNet that a training starts from. ``"no"``; ``"yes"``: those that timm
        names, from its hub or an earlier download; ``"auto"``: the same where they can be had,
        else none, with a warning; anything else: a file of timm's weights.
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
    coordinates: bool = True
    pooling: Literal["mean_max", "mean"] = "mean_max"
    pretrained: str = "no"

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        return Cnn(self, sizes)

    def prepare(self, network: nn.Module) -> str:
        """See `NetworkSettings` and `starting_weights`."""
        assert isinstance(network, Cnn)
        return starting_weights(network.backbone, self.pretrained)


class Cnn(nn.Module):
    """Channels: spectrogram in each normalisation, perhaps where they are; pooled.

    Source: the write-up's CNN models, some with "encoded value for the temperature and m/z".
    """

    coordinates: Tensor

    def __init__(self, config: CnnConfig, sizes: Sizes) -> None:
        super().__init__()
        import timm

        self.normalisations = sizes.rows // MZ_COUNT
        self.mean_only = config.pooling == "mean"
        self.drop_mz = DropMz(config.mz_dropout)
        mz = torch.arange(MZ_COUNT) / MZ_COUNT
        temperature = torch.arange(TEMPERATURE_COUNT) / TEMPERATURE_COUNT
        grid = [temperature.expand(MZ_COUNT, -1), mz[:, None].expand(-1, TEMPERATURE_COUNT)]
        where = torch.stack(grid)[: 2 if config.coordinates else 0]
        self.register_buffer("coordinates", where, persistent=False)
        self.backbone = timm.create_model(
            config.backbone,
            in_chans=self.normalisations + len(where),
            num_classes=0,
            global_pool="",
            **config.backbone_settings,
        )
        pools = 1 if self.mean_only else 2
        self.head = Head(pools * self.backbone.num_features, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = self.drop_mz(spectrogram).unflatten(1, (self.normalisations, MZ_COUNT))
        if len(self.coordinates):
            where = self.coordinates.to(signal.dtype).expand(len(signal), -1, -1, -1)
            signal = torch.cat([signal, where], 1)
        features = self.backbone(signal)
        pooled = features.mean((2, 3)) if self.mean_only else mean_and_max(features, 2, 3)
        return self.head(pooled, context)
