"""The network of `egams.models.cnn`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.models.cnn import CnnConfig
from egams.models.layers import DropMz, Head, mean_and_max
from egams.models.network import Sizes


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
            where = self.coordinates.to(signal.dtype).expand(signal.shape[0], -1, -1, -1)
            signal = torch.cat([signal, where], 1)
        features = self.backbone(signal)
        pooled = features.mean((2, 3)) if self.mean_only else mean_and_max(features, 2, 3)
        return self.head(pooled, context)
