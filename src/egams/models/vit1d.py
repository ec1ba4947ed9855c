"""`vit1d`: a transformer with one token for each stretch of temperature."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from egams.conventions import TEMPERATURE_COUNT
from egams.models.layers import DropMz, Head, mean_and_max, with_temperature
from egams.models.network import Sizes
from egams.models.transformer import Transformer, TransformerSettings


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
