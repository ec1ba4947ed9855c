"""`catboost`: gradient-boosted oblivious trees, one model for all families."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from egams.errors import ConfigError
from egams.models.predictor import Predictor
from egams.models.trees import TreeSettings, features

CATBOOST_FILE = "trees.cbm"


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


class CatboostPredictor(Predictor):
    """One CatBoost model for all families."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `Predictor`."""
        table = features(spectrogram, context, with_context=True).cpu().numpy()
        logits = self.booster.predict(table, prediction_type="RawFormulaVal", thread_count=1)
        return torch.sigmoid(torch.from_numpy(logits.astype(np.float32)).to(context.device))

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        self.booster.save_model(str(folder / CATBOOST_FILE), format="cbm")

    @classmethod
    def load(cls, files: Mapping[str, Path], _config: CatboostConfig) -> CatboostPredictor:
        """Read what `save` wrote.

        Raises
        ------
        ConfigError
            If CatBoost is not installed.
        """
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
