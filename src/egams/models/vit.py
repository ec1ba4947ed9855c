"""`vit`: a transformer over patches of abundances as one of 256 levels; `vit1d`: over columns."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.models.layers import DropMz, Head, mean_and_max, with_temperature
from egams.models.network import Sizes
from egams.models.transformer import SPREAD, Transformer, TransformerSettings


class VitConfig(TransformerSettings):
    """Settings of `Vit`, beside those of `TransformerSettings`.

    Parameters
    ----------
    patch
        Rows and columns of the spectrogram in a token.
    levels
        Steps that values from 0 to 1 are rounded to.
    """

    needs_unit_range: ClassVar[bool] = True

    kind: Literal["vit"] = "vit"
    patch: tuple[int, int] = (1, 8)
    levels: int = Field(256, ge=2)

    @model_validator(mode="after")
    def _patches_fit(self) -> VitConfig:
        rows, columns = self.patch
        if min(self.patch) < 1 or MZ_COUNT % rows or TEMPERATURE_COUNT % columns:
            raise ValueError(
                f"patch {rows} x {columns} does not divide {MZ_COUNT} m/z x "
                f"{TEMPERATURE_COUNT} temperatures"
            )
        return self

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        return Vit(self, sizes)


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
        states = self.transformer(tokens.unflatten(0, (len(signal), -1)))
        return self.head(states[:, 0], context)


class Vit1dConfig(TransformerSettings):
    """Settings of `Vit1d`, beside those of `TransformerSettings`.

    Parameters
    ----------
    columns
        Temperature columns in a token.
    pooling
        The logits are of mean and maximum of the states, or the ``"class"`` token's.
    """

    kind: Literal["vit1d"] = "vit1d"
    columns: int = Field(2, ge=1)
    pooling: Literal["mean_max", "class"] = "mean_max"

    @field_validator("columns")
    @classmethod
    def _columns_fit(cls, columns: int) -> int:
        if TEMPERATURE_COUNT % columns:
            raise ValueError(f"{columns} does not divide {TEMPERATURE_COUNT} temperatures")
        return columns

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        return Vit1d(self, sizes)


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
        states = self.transformer(self.embed(signal.reshape(len(signal), self.tokens, -1)))
        pooled = states[:, 0] if self.of_class else mean_and_max(states, 1)
        return self.head(pooled, context)
