"""Parts that several families of models share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from egams.conventions import TEMPERATURE_COUNT
from egams.models.neighbours import EVIDENCE_FEATURES
from egams.models.network import EVIDENCE_WIDTH, NetworkSettings, Sizes
from egams.spectrogram.context import CONTEXT_FEATURES


class Head(nn.Module):
    """Features, the run's context unless left out, and evidence where there is any, to logits.

    Parameters
    ----------
    features
        Size of the feature vector.
    sizes
        Of context and outputs.
    settings
        `dropout` is of the joined vector; context and evidence are dropped feature-wise with the
        same rate, lest the head learn a laboratory by heart or lean on the evidence alone.
    """

    __call__: Callable[..., Tensor]
    """Logits ``[B, output]``: see `forward`."""

    def __init__(self, features: int, sizes: Sizes, settings: NetworkSettings) -> None:
        super().__init__()
        width, dropout = settings.context_width, settings.dropout
        self.context = _branch(CONTEXT_FEATURES, width, dropout) if width else None
        beside = EVIDENCE_WIDTH if sizes.context > CONTEXT_FEATURES else 0
        self.evidence = _branch(EVIDENCE_FEATURES, beside, dropout) if beside else None
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(features + width + beside, sizes.outputs)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Return logits ``[B, output]`` from `features` ``[B, feature]`` and `context`."""
        parts = [features]
        if self.context is not None:
            parts.append(self.context(context[:, :CONTEXT_FEATURES]))
        if self.evidence is not None:
            parts.append(self.evidence(context[:, CONTEXT_FEATURES:]))
        logits: Tensor = self.logits(self.dropout(torch.cat(parts, 1)))
        return logits


def _branch(features: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(features, width), nn.GELU())


def with_temperature(spectrogram: Tensor) -> Tensor:
    """Add each column's position, 0..1, to a `spectrogram`: ``[B, m/z + 1, temperature]``."""
    position = torch.arange(TEMPERATURE_COUNT, device=spectrogram.device) / TEMPERATURE_COUNT
    rows = position.to(spectrogram.dtype).expand(spectrogram.shape[0], 1, -1)
    return torch.cat([spectrogram, rows], 1)


def mean_and_max(features: Tensor, *axes: int) -> Tensor:
    """Pool `features` over `axes`, both ways: ``[B, 2 * channel]``."""
    return torch.cat([features.mean(axes), features.amax(axes)], 1)


def float32_on(signal: Tensor, *devices: str) -> tuple[Tensor, AbstractContextManager[object]]:
    """Return a signal, and in what to compute with it, where bfloat16 is to be kept out.

    On a CPU torch is slow in it: its GRU has no fast way there at all, its attention none for the
    way back. On a GPU autocast gives cuDNN's recurrent layers float16, whose small gradients are
    lost; in float32 cuDNN multiplies in TF32.

    Parameters
    ----------
    signal
        What is computed with.
    devices
        Kinds of device to compute in float32 on.
    """
    kind = signal.device.type
    if kind in devices:
        return signal.float(), torch.autocast(kind, enabled=False)
    return signal, nullcontext()


class DropMz(nn.Module):
    """Silence `rate` of the rows at random in training; the context still tells what was measured.

    Source: 2nd place's "dropout of whole input channels".
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Silence rows of `spectrogram` ``[B, row, temperature]``; the rest is not scaled up."""
        if not self.training or self.rate == 0:
            return spectrogram
        kept = torch.rand(spectrogram.shape[:2], device=spectrogram.device) >= self.rate
        lowest = spectrogram.amin((1, 2), keepdim=True)
        return torch.where(kept[:, :, None], spectrogram, lowest)
