"""The network of `egams.models.recurrent`."""

from __future__ import annotations

from torch import Tensor, nn

from egams.models.layers import DropMz, Head, float32_on, mean_and_max, with_temperature
from egams.models.network import Sizes
from egams.models.recurrent import RecurrentSettings


class Recurrent(nn.Module):
    """Bidirectional layers over temperature.

    Source: the write-up's RNN models, with 1024 units in 3 layers. They read the last step; mean
    and maximum train in far fewer epochs.
    """

    def __init__(self, config: RecurrentSettings, sizes: Sizes) -> None:
        super().__init__()
        self.last = config.pooling == "last"
        self.float32_devices = ("cpu", "cuda") if config.kind == "gru" else ("cuda",)
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
        signal, precision = float32_on(signal, *self.float32_devices)
        with precision:
            states, _ = self.recurrent(signal)
        pooled = states[:, -1] if self.last else mean_and_max(states, 1)
        return self.head(pooled, context)
