"""What gradient-boosted trees share: settings, and the features of each m/z they learn from."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field
from torch import Tensor

from egams.conventions import TEMPERATURE_COUNT
from egams.families import FAMILIES
from egams.models.neighbours import logits_of
from egams.models.network import ModelSettings
from egams.spectrogram.context import CONTEXT_FEATURES

COLUMNS_PER_BAND = 8


class TreeSettings(ModelSettings):
    """Settings that both kinds of boosted trees have.

    Parameters
    ----------
    renders
        Random spectrograms of each training run.
    trees
        Rounds of boosting, ``num_iterations`` or ``iterations`` to the libraries.
    """

    renders: int = Field(6, ge=1)
    trees: int = Field(300, ge=1)

    def shortened(self, share: float) -> Self:
        """See `ModelSettings`; for a share of the trees."""
        return self.model_copy(update={"trees": max(1, round(self.trees * share))})


def features(spectrogram: Tensor, context: Tensor, *, with_context: bool) -> Tensor:
    """Describe each m/z of a spectrogram.

    Returns
    -------
    Tensor
        ``[B, feature]``: mean and maximum in 10 bands of 96 degC, overall mean, maximum, its
        column, and the spread of the signal over temperature, of each m/z; then the context.
    """
    bands = spectrogram.reshape(*spectrogram.shape[:2], -1, COLUMNS_PER_BAND)
    peak, column = spectrogram.max(2)
    level = spectrogram.amin(2, keepdim=True)
    weight = (spectrogram - level).clamp_min(1e-6)
    position = torch.arange(TEMPERATURE_COUNT, device=spectrogram.device) / TEMPERATURE_COUNT
    total = weight.sum(2)
    centre = (weight * position).sum(2) / total
    spread = ((weight * position**2).sum(2) / total - centre**2).clamp_min(0).sqrt()
    per_mz = [bands.mean(3), bands.amax(3)]
    columns = [part.flatten(1) for part in per_mz]
    columns += [spectrogram.mean(2), peak, column.to(peak.dtype), centre, spread]
    if with_context:
        columns.append(context)
    return torch.cat(columns, 1)


def logits_to_add_to(context: Tensor) -> Tensor:
    """Return the logits that trees improve on ``[B, family]``: those of the evidence, else none."""
    if context.shape[1] > CONTEXT_FEATURES:
        return logits_of(context)
    return context.new_zeros(len(context), len(FAMILIES))
