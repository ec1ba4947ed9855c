"""Parts that several families of models share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from egams.families import FAMILIES
from egams.models.neighbours import logits_of
from egams.spectrogram.context import CONTEXT_FEATURES

MZ_COUNT = 100
TEMPERATURE_COUNT = 80


class Head(nn.Module):
    """Features and, unless left out, the run's context to logits.

    Where the context ends in evidence, the head learns what to add to its logits.

    Parameters
    ----------
    features
        Size of the feature vector.
    context_features
        Size of the run's context.
    context_width
        Size the context is brought to; 0 leaves it out.
    dropout
        Of the joined vector; context itself is dropped feature-wise with the same rate, lest the
        head learn a laboratory by heart.
    """

    def __init__(
        self, features: int, context_features: int, context_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.context = (
            nn.Sequential(
                nn.Dropout(dropout), nn.Linear(context_features, context_width), nn.GELU()
            )
            if context_width
            else None
        )
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(features + context_width, len(FAMILIES))
        with_evidence = context_features > CONTEXT_FEATURES
        self.trust = nn.Parameter(torch.ones(len(FAMILIES))) if with_evidence else None

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Return logits ``[B, family]`` from ``[B, feature]`` and ``[B, context]``."""
        if self.context is not None:
            features = torch.cat([features, self.context(context)], 1)
        logits: Tensor = self.logits(self.dropout(features))
        return logits if self.trust is None else logits + self.trust * logits_of(context)


def with_temperature(spectrogram: Tensor) -> Tensor:
    """Add the column's position, 0..1, as one more channel ``[B, m/z + 1, temperature]``."""
    position = torch.arange(TEMPERATURE_COUNT, device=spectrogram.device) / TEMPERATURE_COUNT
    rows = position.to(spectrogram.dtype).expand(len(spectrogram), 1, -1)
    return torch.cat([spectrogram, rows], 1)


class DropMz(nn.Module):
    """Silence whole m/z at random in training; the context still says that they were measured.

    Source: 2nd place's "dropout of whole input channels".
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, spectrogram: Tensor) -> Tensor:
        """``[B, m/z, temperature]`` in and out; what is left is not scaled up."""
        if not self.training or self.rate == 0:
            return spectrogram
        kept = torch.rand(spectrogram.shape[:2], device=spectrogram.device) >= self.rate
        lowest = spectrogram.amin((1, 2), keepdim=True)
        return torch.where(kept[:, :, None], spectrogram, lowest)
