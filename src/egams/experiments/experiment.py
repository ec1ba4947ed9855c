"""`Experiment`: a model, the spectrograms it sees and how it is trained, under a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from egams.experiments.training_config import TrainingConfig
from egams.models.neighbours import NeighboursConfig
from egams.models.network import NetworkSettings
from egams.models.registry import ModelConfig, registered
from egams.models.trees import CatboostConfig, LightgbmConfig
from egams.spectrogram.config import SpectrogramConfig

Recipe = Literal["fast", "author"]


class Experiment(BaseModel):
    """What to train.

    Parameters
    ----------
    name
        Letters, digits, ``.``, ``_`` and ``-``: it names a folder.
    model, spectrogram, training
        See their own documentation. Boosters and neighbours have no use for `training`.
    recipe
        Whose settings `training` holds: ours, or those of the author of the winning solution.
    evidence
        Whether the context gains what the nearest training runs were labelled: see
        `egams.models.neighbours`. Always so for the model "neighbours".
    sam_like
        Versions of the commercial training runs that look like runs of the SAM testbed and join
        them, as a share of their number; none where there are no sources of SAM's backgrounds.
        See `egams.spectrogram.sam_like`. The model "neighbours" has no use for them.
    seed
        Added to that of the study: the same settings under two names are two trainings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    model: ModelConfig
    spectrogram: SpectrogramConfig = SpectrogramConfig()
    training: TrainingConfig = TrainingConfig()
    recipe: Recipe = "fast"
    evidence: bool = False
    sam_like: float = Field(0.25, ge=0)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _range_fits(self) -> Experiment:
        of_unit = isinstance(self.model, NetworkSettings) and self.model.needs_unit_range
        if of_unit and not self.spectrogram.unit_range:
            raise ValueError(
                f"the model '{self.model.kind}' takes spectrograms from 0 to 1; "
                "expected unit_range: true"
            )
        return self

    def shortened(self, factor: float) -> Experiment:
        """Train for a share of the epochs (or trees), at least one."""
        model = self.model
        if isinstance(model, NeighboursConfig):
            return self
        if isinstance(model, LightgbmConfig | CatboostConfig):
            trees = max(1, round(model.trees * factor))
            return self.model_copy(update={"model": model.model_copy(update={"trees": trees})})
        epochs = max(1, round(self.training.epochs * factor))
        training = self.training.model_copy(update={"epochs": epochs})
        return self.model_copy(update={"training": training})


def explain(error: ValidationError) -> str:
    """Say which keys a validation found wrong, why, and what an unknown one may have meant."""
    parts = []
    for entry in error.errors():
        where = ".".join(str(step) for step in entry["loc"])
        said = entry["msg"].removeprefix("Value error, ")
        if entry["type"] == "extra_forbidden":
            said = f"there is no such key.{meant(str(entry['loc'][-1]), _keys())}".rstrip(".")
        parts.append(f"'{where}': {said}" if where else said)
    return "; ".join(parts).rstrip("?.") + ("?" if parts[-1].endswith("?") else ".")


def meant(given: str, known: Iterable[str]) -> str:
    """Ask after the nearest known name: ``" Did you mean 'this'?"``, or nothing."""
    near = get_close_matches(given, list(known), 1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _keys() -> set[str]:
    settings: list[type[BaseModel]] = [Experiment, SpectrogramConfig, TrainingConfig]
    settings += registered().values()
    return {name for each in settings for name in each.model_fields}
