"""Gradient-boosted trees: `lightgbm`, one booster a family, and `catboost`, one for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egams.arrays import Array, to_numpy
from egams.conventions import TEMPERATURE_COUNT
from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.logistic import sigmoid
from egams.models.forest import Forest
from egams.models.neighbours import logits_of
from egams.models.network import ModelSettings
from egams.models.predictor import Features, Predictor
from egams.spectrogram.context import CONTEXT_FEATURES

TREES = "trees.safetensors"
COLUMNS_PER_BAND = 8
BANDS = TEMPERATURE_COUNT // COLUMNS_PER_BAND
LEAST_WEIGHT = np.float32(1e-6)
ROWS_AT_ONCE = 8
"""Spectrograms of 300 rows that stay in the cache."""


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


class LightgbmConfig(TreeSettings):
    """Settings of one booster a family, beside those of `TreeSettings`.

    Parameters
    ----------
    leaves, learning_rate, fewest_in_leaf, feature_share, row_share, l2
        As LightGBM knows them (``num_leaves`` and so on); `fewest_in_leaf` counts renders.
    context
        Whether the run's context joins the features.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    leaves: int = Field(8, ge=2)
    learning_rate: float = Field(0.04, gt=0)
    fewest_in_leaf: int = Field(20, ge=1)
    feature_share: float = Field(0.1, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(5.0, ge=0)
    context: bool = True


class CatboostConfig(TreeSettings):
    """Settings of one model of oblivious trees for all families, by the loss "MultiLogloss".

    Where there is evidence, it joins the features with the rest of the context.

    Parameters
    ----------
    depth, learning_rate, feature_share, row_share, l2
        As CatBoost knows them (``depth`` and so on).
    """

    kind: Literal["catboost"] = "catboost"
    renders: int = Field(4, ge=1)
    depth: int = Field(4, ge=1, le=16)
    learning_rate: float = Field(0.1, gt=0)
    feature_share: float = Field(0.1, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(3.0, ge=0)


def features(spectrogram: Array, context: Features, *, with_context: bool) -> Features:
    """Describe each m/z of a spectrogram.

    Parameters
    ----------
    spectrogram
        ``[B, m/z, temperature]``.
    context
        ``[B, feature]``.
    with_context
        Whether the context joins the features.

    Returns
    -------
    NDArray
        ``[B, feature]``: mean and maximum in 10 bands of 96 degC, overall mean, maximum, its
        column, and the centre and spread of the signal over temperature, of each m/z; then the
        context.
    """
    images = to_numpy(spectrogram).transpose(0, 2, 1)
    B, _, M = images.shape
    of_image = (2 * BANDS + 5) * M
    table = np.empty((B, of_image + with_context * context.shape[1]), np.float32)
    table[:, of_image:] = context[:, : table.shape[1] - of_image]
    for first in range(0, B, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        _describe(images[rows], table[rows, :of_image])
    return table


def _describe(images: NDArray[np.float32], table: NDArray[np.float32]) -> None:
    """Fill in what `features` says of each m/z, from ``[B, temperature, m/z]``."""
    B, _, M = images.shape
    in_bands = images.reshape(B, BANDS, COLUMNS_PER_BAND, M)
    sums, tops = in_bands.sum(2), in_bands.max(2)
    of_bands = table[:, : 2 * BANDS * M].reshape(B, 2, M, BANDS)
    of_bands[:, 0] = (sums / np.float32(COLUMNS_PER_BAND)).transpose(0, 2, 1)
    of_bands[:, 1] = tops.transpose(0, 2, 1)

    peak = tops.max(1)
    from_end = np.arange(TEMPERATURE_COUNT, 0, -1, dtype=np.uint8)[:, None]
    is_peak = (images == peak[:, None]).view(np.uint8)
    weight = np.maximum(images - images.min(1, keepdims=True), LEAST_WEIGHT)
    total = weight.sum(1)
    position = (np.arange(TEMPERATURE_COUNT, dtype=np.float32) / TEMPERATURE_COUNT)[:, None]
    centre = (weight * position).sum(1) / total
    away = position - centre[:, None]
    whole = table[:, 2 * BANDS * M :].reshape(B, 5, M)
    whole[:, 0] = sums.sum(1) / np.float32(TEMPERATURE_COUNT)
    whole[:, 1] = peak
    whole[:, 2] = TEMPERATURE_COUNT - (is_peak * from_end).max(1)  # the first one, as argmax
    whole[:, 3] = centre
    whole[:, 4] = np.sqrt((weight * (away * away)).sum(1) / total)


def logits_to_add_to(context: Features) -> Features:
    """Return the logits that trees improve on ``[B, family]``: those of the evidence, else none."""
    if context.shape[1] > CONTEXT_FEATURES:
        return np.asarray(logits_of(context))
    return np.zeros((len(context), len(FAMILIES)), np.float32)


class TreesPredictor(Predictor):
    """Trees of either kind.

    Parameters
    ----------
    forest
        On what `features` returns.
    settings
        They were trained with.
    """

    def __init__(self, forest: Forest, settings: LightgbmConfig | CatboostConfig) -> None:
        self.forest = forest
        self.of_lightgbm = isinstance(settings, LightgbmConfig)
        self.with_context = not isinstance(settings, LightgbmConfig) or settings.context

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        logits = self.forest.logits(features(spectrogram, context, with_context=self.with_context))
        if self.of_lightgbm:
            logits += logits_to_add_to(context)
        return np.asarray(sigmoid(logits), np.float32)

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        self.forest.save(folder / TREES)

    @classmethod
    def load(
        cls, files: Mapping[str, Path], settings: LightgbmConfig | CatboostConfig
    ) -> TreesPredictor:
        """Read what `save` wrote."""
        forest = Forest.load(files[TREES])
        if len(forest.start) != len(FAMILIES):
            raise ArtifactError(f"{files[TREES]}: trees of {len(forest.start)} families.")
        return cls(forest, settings)
