"""`vit`: a transformer over patches of abundances as one of 256 levels; `vit1d`: over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from egams.conventions import MZ_COUNT, TEMPERATURE_COUNT
from egams.models.network import NetworkSettings, Sizes

if TYPE_CHECKING:
    from torch import nn


class TransformerSettings(NetworkSettings):
    """Settings of every transformer, beside those of `NetworkSettings`.

    Parameters
    ----------
    width, depth, heads
        Of the transformer.
    mlp_ratio
        Width inside a block's MLP, relative to `width`.
    """

    width: int = Field(128, ge=1)
    depth: int = Field(3, ge=1)
    heads: int = Field(8, ge=1)
    mlp_ratio: float = Field(4.0, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads")
        return self


class VitConfig(TransformerSettings):
    """Settings of the network, beside those of `TransformerSettings`.

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
        from egams.models.networks.vit import Vit

        return Vit(self, sizes)


class Vit1dConfig(TransformerSettings):
    """Settings of the network, beside those of `TransformerSettings`.

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
        from egams.models.networks.vit import Vit1d

        return Vit1d(self, sizes)
