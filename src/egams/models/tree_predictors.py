"""Trained boosters: spectrograms in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.lightgbm_text import slim
from egams.models.neighbours import Neighbours
from egams.models.network import ModelSettings
from egams.models.tensor_files import Shared, load_neighbours, move, save_neighbours
from egams.models.trees import CatboostConfig, LightgbmConfig, features, logits_to_add_to

CATBOOST_FILE = "trees.cbm"


class LightgbmPredictor:
    """One LightGBM booster a family."""

    def __init__(
        self, boosters: list[Any], config: LightgbmConfig, neighbours: Neighbours | None = None
    ) -> None:
        self.boosters = boosters
        self.config = config
        self.neighbours = neighbours

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `egams.models.predictor.Predictor`."""
        table = features(spectrogram, context, with_context=self.config.context).cpu().numpy()
        columns = [
            booster.predict(table, raw_score=True, num_threads=1) for booster in self.boosters
        ]
        added = torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
        return torch.sigmoid(logits_to_add_to(context) + added.to(context.device))

    def to(self, device: torch.device | str) -> None:
        """See `egams.models.predictor.Predictor`; the boosters stay where they are."""
        move(self.neighbours, device)

    def save(self, folder: Path) -> None:
        """See `egams.models.predictor.Predictor`."""
        for family, booster in zip(FAMILIES, self.boosters, strict=True):
            (folder / f"{family}.txt").write_text(slim(booster.model_to_string()), encoding="utf-8")
        save_neighbours(self.neighbours, folder)

    @classmethod
    def load(
        cls, files: Mapping[str, Path], config: ModelSettings, shared: Shared
    ) -> LightgbmPredictor:
        """Read what `save` wrote."""
        import lightgbm

        assert isinstance(config, LightgbmConfig)
        texts = [files[f"{family}.txt"].read_text(encoding="utf-8") for family in FAMILIES]
        boosters = [lightgbm.Booster(model_str=text) for text in texts]
        return cls(boosters, config, load_neighbours(files, shared))


class CatboostPredictor:
    """One CatBoost model for all families."""

    def __init__(self, booster: Any, neighbours: Neighbours | None = None) -> None:
        self.booster = booster
        self.neighbours = neighbours

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `egams.models.predictor.Predictor`."""
        table = features(spectrogram, context, with_context=True).cpu().numpy()
        logits = self.booster.predict(table, prediction_type="RawFormulaVal", thread_count=1)
        return torch.sigmoid(torch.from_numpy(logits.astype(np.float32)).to(context.device))

    def to(self, device: torch.device | str) -> None:
        """See `egams.models.predictor.Predictor`; the booster stays where it is."""
        move(self.neighbours, device)

    def save(self, folder: Path) -> None:
        """See `egams.models.predictor.Predictor`."""
        self.booster.save_model(str(folder / CATBOOST_FILE), format="cbm")
        save_neighbours(self.neighbours, folder)

    @classmethod
    def load(
        cls, files: Mapping[str, Path], config: ModelSettings, shared: Shared
    ) -> CatboostPredictor:
        """Read what `save` wrote.

        Raises
        ------
        ConfigError
            If CatBoost is not installed.
        """
        assert isinstance(config, CatboostConfig)
        booster = catboost().CatBoost()
        booster.load_model(str(files[CATBOOST_FILE]), format="cbm")
        return cls(booster, load_neighbours(files, shared))


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
