"""Gradient-boosted trees: `lightgbm`, one booster a family, and `catboost`, one for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field

from egams.arrays import Array
from egams.conventions import TEMPERATURE_COUNT
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.logistic import sigmoid
from egams.models.neighbours import logits_of
from egams.models.network import ModelSettings
from egams.models.predictor import Features, Predictor
from egams.spectrogram.context import CONTEXT_FEATURES

COLUMNS_PER_BAND = 8
CATBOOST_FILE = "trees.cbm"
UNUSED = (
    *("split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight"),
    *("internal_count", "is_linear"),
)
"""Lines of a tree that only training and plots read."""


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

    Returns
    -------
    NDArray
        ``[B, feature]``: mean and maximum in 10 bands of 96 degC, overall mean, maximum, its
        column, and the spread of the signal over temperature, of each m/z; then the context.
    """
    spectrogram = torch.as_tensor(spectrogram, device="cpu")
    bands = spectrogram.reshape(*spectrogram.shape[:2], -1, COLUMNS_PER_BAND)
    peak, column = spectrogram.max(2)
    level = spectrogram.amin(2, keepdim=True)
    weight = (spectrogram - level).clamp_min(1e-6)
    position = torch.arange(TEMPERATURE_COUNT, device=spectrogram.device) / TEMPERATURE_COUNT
    total = weight.sum(2)
    centre = (weight * position).sum(2) / total
    spread = ((weight * position**2).sum(2) / total - centre**2).clamp_min(0).sqrt()
    columns = [bands.mean(3).flatten(1), bands.amax(3).flatten(1)]
    columns += [spectrogram.mean(2), peak, column.to(peak.dtype), centre, spread]
    if with_context:
        columns.append(torch.as_tensor(context))
    return np.asarray(torch.cat(columns, 1))


def logits_to_add_to(context: Features) -> Features:
    """Return the logits that trees improve on ``[B, family]``: those of the evidence, else none."""
    if context.shape[1] > CONTEXT_FEATURES:
        return np.asarray(logits_of(context))
    return np.zeros((len(context), len(FAMILIES)), np.float32)


class LightgbmPredictor(Predictor):
    """One LightGBM booster a family."""

    def __init__(self, boosters: list[Any], config: LightgbmConfig) -> None:
        self.boosters = boosters
        self.config = config

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        table = features(spectrogram, context, with_context=self.config.context)
        columns = [
            booster.predict(table, raw_score=True, num_threads=1) for booster in self.boosters
        ]
        added = np.stack(columns, axis=1).astype(np.float32)
        return np.asarray(sigmoid(logits_to_add_to(context) + added))

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        for family, booster in zip(FAMILIES, self.boosters, strict=True):
            (folder / f"{family}.txt").write_text(slim(booster.model_to_string()), encoding="utf-8")

    @classmethod
    def load(cls, files: Mapping[str, Path], config: LightgbmConfig) -> LightgbmPredictor:
        """Read what `save` wrote."""
        import lightgbm

        texts = [files[f"{family}.txt"].read_text(encoding="utf-8") for family in FAMILIES]
        boosters = [lightgbm.Booster(model_str=text) for text in texts]
        return cls(boosters, config)


def slim(text: str) -> str:
    """Shorten a booster's text; it predicts the same, to the last bit.

    Names of features become numbers, their ranges, the training settings and what trees
    remember of training go.
    """
    count = int(text.partition("max_feature_idx=")[2].partition("\n")[0]) + 1
    names, ranges = " ".join(map(str, range(count))), " ".join(["none"] * count)
    replaced = {"feature_names": names, "feature_infos": ranges}
    kept = []
    for line in text[: text.index("end of trees")].splitlines():
        key = line.partition("=")[0]
        # The sizes of the trees would no longer be true; LightGBM reads on without them.
        if key not in UNUSED and key != "tree_sizes":
            kept.append(f"{key}={replaced[key]}" if key in replaced else line)
    return "\n".join([*kept, "end of trees", ""])


class CatboostPredictor(Predictor):
    """One CatBoost model for all families."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        table = features(spectrogram, context, with_context=True)
        logits = self.booster.predict(table, prediction_type="RawFormulaVal", thread_count=1)
        return np.asarray(sigmoid(logits.astype(np.float32)))

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        self.booster.save_model(str(folder / CATBOOST_FILE), format="cbm")

    @classmethod
    def load(cls, files: Mapping[str, Path], _config: CatboostConfig) -> CatboostPredictor:
        """Read what `save` wrote, with `catboost`."""
        booster = catboost().CatBoost()
        booster.load_model(str(files[CATBOOST_FILE]), format="cbm")
        return cls(booster)


def catboost() -> Any:
    """Import CatBoost.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import catboost
    except ImportError as error:
        raise ConfigError(
            "the model 'catboost' needs an extra: pip install \"egams[catboost]\"."
        ) from error
    return catboost
