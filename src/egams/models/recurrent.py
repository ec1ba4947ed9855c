"""`gru`, `lstm`: recurrent networks that read a run as it warms, and back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from egams.models.layers import DropMz, Head, float32_on_cpu, mean_and_max, with_temperature
from egams.models.network import NetworkSettings, Sizes


class RecurrentSettings(NetworkSettings):
    """Settings of `Recurrent`, beside those of `NetworkSettings`.

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
        return Recurrent(self, sizes)


class GruConfig(RecurrentSettings):
    """Gated recurrent units (Cho et al. 2014)."""

    kind: Literal["gru"] = "gru"


class LstmConfig(RecurrentSettings):
    """Long short-term memory (Hochreiter & Schmidhuber 1997)."""

    kind: Literal["lstm"] = "lstm"


class Recurrent(nn.Module):
    """Bidirectional layers over temperature.

    Source: the write-up's RNN models, with 1024 units in 3 layers. They read the last step; mean
    and maximum train in far fewer epochs.
    """

    def __init__(self, config: RecurrentSettings, sizes: Sizes) -> None:
        super().__init__()
        self.last = config.pooling == "last"
        self.drop_mz = DropMz(config.mz_dropout)
        between = config.dropout if config.layer_dropout is None else config.layer_dropout
        cell = nn.LSTM if config.kind == "lstm" else nn.GRU
        self.recurrent = cell(
            sizes.rows + 1,
            config.hidden,
            config.depth,
            batch_first=True,
            bidirectional=True,
            dropout=between if config.depth > 1 else 0.0,
        )
        self.head = Head((2 if self.last else 4) * config.hidden, sizes, config)

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        signal = with_temperature(self.drop_mz(spectrogram)).transpose(1, 2)
        precision: AbstractContextManager[object] = nullcontext()
        if isinstance(self.recurrent, nn.GRU):
            signal, precision = float32_on_cpu(signal)
        with precision:
            states, _ = self.recurrent(signal)
        pooled = states[:, -1] if self.last else mean_and_max(states, 1)
        return self.head(pooled, context)
