"""The networks of `egams.models.vit`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from egams.conventions import TEMPERATURE_COUNT
from egams.models.layers import DropMz, Head, mean_and_max, with_temperature
from egams.models.network import Sizes
from egams.models.networks.transformer import SPREAD, Transformer
from egams.models.vit import Vit1dConfig, VitConfig


class Vit(nn.Module):
    """Each patch of a spectrogram in 0..1 is a token; logits are a function of the class token.

    A projection of the one-hot levels of a patch is a sum of rows of a table, one row for each
    place in the patch and level, so that is what is computed.

    Source: the write-up, "The abundance value is converted to one-hot encoding".
    """

    place: Tensor

    def __init__(self, config: VitConfig, sizes: Sizes) -> None:
        super().__init__()
        self.patch, self.levels = config.patch, config.levels
        rows, columns = config.patch
        self.drop_mz = DropMz(config.mz_dropout)
        self.embed = nn.EmbeddingBag(rows * columns * config.levels, config.width, mode="sum")
        nn.init.normal_(self.embed.weight, std=SPREAD)
        self.bias = nn.Parameter(torch.zeros(config.width))
        self.transformer = Transformer(
            config, (sizes.rows // rows) * (TEMPERATURE_COUNT // columns)
        )
        self.head = Head(config.width, sizes, config)
        place = config.levels * torch.arange(rows * columns)
        self.register_buffer("place", place, persistent=False)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = self.drop_mz(spectrogram).clamp(0, 1)
        level = (signal * (self.levels - 1)).round().long()
        patches = level.unflatten(2, (-1, self.patch[1])).unflatten(1, (-1, self.patch[0]))
        rows = patches.transpose(2, 3).flatten(3) + self.place
        tokens = self.embed(rows.flatten(0, 2)) + self.bias
        states = self.transformer(tokens.unflatten(0, (signal.shape[0], -1)))
        return self.head(states[:, 0], context)


class Vit1d(nn.Module):
    """A transformer over temperature.

    Source: the write-up, "Visual Transformer with all m/z values combined to the single patch".
    """

    def __init__(self, config: Vit1dConfig, sizes: Sizes) -> None:
        super().__init__()
        self.of_class = config.pooling == "class"
        tokens = TEMPERATURE_COUNT // config.columns
        self.tokens = tokens
        self.drop_mz = DropMz(config.mz_dropout)
        self.embed = nn.Linear((sizes.rows + 1) * config.columns, config.width)
        self.transformer = Transformer(config, tokens)
        self.head = Head((1 if self.of_class else 2) * config.width, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        states = self.transformer(self.embed(signal.reshape(signal.shape[0], self.tokens, -1)))
        pooled = states[:, 0] if self.of_class else mean_and_max(states, 1)
        return self.head(pooled, context)
