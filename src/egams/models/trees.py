"""`lightgbm`, `catboost`: gradient-boosted trees on what a spectrogram says of each m/z."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from egams.conventions import TEMPERATURE_COUNT
from egams.families import FAMILIES
from egams.models.neighbours import logits_of
from egams.models.network import ModelSettings
from egams.spectrogram.context import CONTEXT_FEATURES

COLUMNS_PER_BAND = 8


class LightgbmConfig(ModelSettings):
    """Settings of one booster a family.

    Parameters
    ----------
    renders
        Random spectrograms of each training run.
    trees, leaves, learning_rate, fewest_in_leaf, feature_share, row_share, l2
        As LightGBM knows them (``num_iterations`` and so on); `fewest_in_leaf` counts renders.
    context
        Whether the run's context joins the features.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    renders: int = Field(6, ge=1)
    trees: int = Field(300, ge=1)
    leaves: int = Field(8, ge=2)
    learning_rate: float = Field(0.04, gt=0)
    fewest_in_leaf: int = Field(20, ge=1)
    feature_share: float = Field(0.1, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(5.0, ge=0)
    context: bool = True


class CatboostConfig(ModelSettings):
    """Settings of one model of oblivious trees for all families, by the loss "MultiLogloss".

    Where there is evidence, it joins the features with the rest of the context.

    Parameters
    ----------
    renders
        Random spectrograms of each training run.
    trees, depth, learning_rate, feature_share, row_share, l2
        As CatBoost knows them (``iterations`` and so on).
    """

    kind: Literal["catboost"] = "catboost"
    renders: int = Field(4, ge=1)
    trees: int = Field(300, ge=1)
    depth: int = Field(4, ge=1, le=16)
    learning_rate: float = Field(0.1, gt=0)
    feature_share: float = Field(0.1, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(3.0, ge=0)


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
