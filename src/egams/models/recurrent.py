"""`gru`, `lstm`: recurrent networks that read a run as it warms, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from egams.models.network import NetworkSettings, Sizes

if TYPE_CHECKING:
    from torch import nn


class RecurrentSettings(NetworkSettings):
    """Settings of `gru` and `lstm`, beside those of `NetworkSettings`.

    Parameters
    ----------
    hidden
        Size of the state, each direction.
    depth
        Layers.
    layer_dropout
        Between layers; None takes `dropout`.
    pooling
        The logits are of mean and maximum of the states, or the ``"last"`` one, which
        the backward direction reaches after a single step.
    """

    hidden: int = Field(96, ge=1)
    depth: int = Field(2, ge=1)
    layer_dropout: float | None = Field(None, ge=0, lt=1)
    pooling: Literal["mean_max", "last"] = "mean_max"

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        from egams.models.networks.recurrent import Recurrent

        return Recurrent(self, sizes)


class GruConfig(RecurrentSettings):
    """Gated recurrent units (Cho et al. 2014)."""

    kind: Literal["gru"] = "gru"


class LstmConfig(RecurrentSettings):
    """Long short-term memory (Hochreiter & Schmidhuber 1997)."""

    kind: Literal["lstm"] = "lstm"
