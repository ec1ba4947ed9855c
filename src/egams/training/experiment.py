"""`Experiment`: a model, the spectrograms it sees and how it is trained, under a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egams.errors import ConfigError
from egams.models.boosting import LightgbmConfig
from egams.models.conv1d import Conv1dConfig
from egams.models.neighbours import NeighboursConfig
from egams.models.registry import ModelConfig
from egams.spectrogram.config import SpectrogramConfig
from egams.training.config import TrainingConfig


class Experiment(BaseModel):
    """What to train.

    Parameters
    ----------
    name
        Letters, digits, ``.``, ``_`` and ``-``: it names a folder.
    model, spectrogram, training
        See their own documentation. LightGBM and neighbours have no use for `training`.
    evidence
        Whether the context gains what the nearest training runs were labelled: see
        `egams.models.neighbours`. Always so for the model "neighbours".
    sam_like
        Versions of the commercial training runs that look like runs of the SAM testbed and join
        them, as a share of their number; none where there are no sources of SAM's backgrounds.
        See `egams.spectrogram.sam_like`. The model "neighbours" has no use for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    model: ModelConfig
    spectrogram: SpectrogramConfig = SpectrogramConfig()
    training: TrainingConfig = TrainingConfig()
    evidence: bool = False
    sam_like: float = Field(0.25, ge=0)

    def shortened(self, factor: float) -> Experiment:
        """Train for a share of the epochs (or trees), at least one."""
        if isinstance(self.model, NeighboursConfig):
            return self
        if isinstance(self.model, LightgbmConfig):
            trees = max(1, round(self.model.trees * factor))
            return self.model_copy(update={"model": self.model.model_copy(update={"trees": trees})})
        epochs = max(1, round(self.training.epochs * factor))
        training = self.training.model_copy(update={"epochs": epochs})
        return self.model_copy(update={"training": training})


def _experiments(rows: Iterable[Experiment]) -> dict[str, Experiment]:
    return {row.name: row for row in rows}


_ALL = SpectrogramConfig(norm="all", mz_sigma=1.0)
_FEW_TREES = LightgbmConfig(trees=100, leaves=6, learning_rate=0.03, feature_share=0.2)
_RECIPES = TrainingConfig(epochs=160, weight_decay=0.2, clip_norm=5.0, recipes=1.0)
_CONV1D = Conv1dConfig(width=96, dropout=0.5)

COMPACT: dict[str, Experiment] = _experiments(
    [
        Experiment(name="neighbours", model=NeighboursConfig()),
        Experiment(name="lightgbm", model=LightgbmConfig()),
        Experiment(name="lightgbm_evidence", model=_FEW_TREES, evidence=True),
        Experiment(
            name="lightgbm_all_evidence",
            model=_FEW_TREES.model_copy(update={"feature_share": 0.1}),
            spectrogram=_ALL,
            evidence=True,
        ),
        Experiment(
            name="conv1d_evidence",
            model=_CONV1D,
            spectrogram=_ALL,
            training=_RECIPES,
            evidence=True,
        ),
        Experiment(
            name="conv1d_silenced_evidence",
            model=_CONV1D.model_copy(update={"mz_dropout": 0.3}),
            spectrogram=_ALL,
            training=_RECIPES,
            evidence=True,
        ),
    ]
)
"""Experiments that two cores train; their ensemble is the compact one."""


def experiment_named(name: str) -> Experiment:
    """Look up an experiment, or read one from a JSON file.

    Raises
    ------
    ConfigError
        If there is none of that name, or the file holds an unknown key or a bad value.
    """
    if name in COMPACT:
        return COMPACT[name]
    if name.endswith(".json"):
        return _from_file(Path(name))
    near = get_close_matches(name, COMPACT, 1)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    raise ConfigError(
        f"no experiment '{name}'; there are {', '.join(COMPACT)}, or a .json file.{meant}"
    )


def _from_file(path: Path) -> Experiment:
    try:
        return Experiment.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Say which keys a validation found wrong, and why."""
    parts: list[Any] = [
        f"'{'.'.join(str(step) for step in entry['loc'])}': {entry['msg']}"
        for entry in error.errors()
    ]
    return "; ".join(parts) + "."
