"""`Experiment`: a model, the spectrograms it sees and how it is trained, under a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from egams import errors
from egams.errors import ConfigError, meant
from egams.experiments.training_config import TrainingConfig
from egams.models.registry import ModelConfig, registered
from egams.spectrogram.config import SpectrogramConfig

Recipe = Literal["fast", "author"]
ENSEMBLE = "ensemble"
"""What tables call all experiments of a study together."""


class Experiment(BaseModel):
    """What to train.

    Parameters
    ----------
    name
        At most 200 letters, digits, ``.``, ``_`` and ``-``: it names a folder. Not ``ensemble``
        nor what a study calls its own files.
    model, spectrogram, training
        See their own documentation. Boosters and neighbours have no use for `training`.
    recipe
        Whose settings `training` holds: ours, or those of the author of the winning solution.
    evidence
        Whether the context gains what the nearest training runs were labelled: see
        `egams.models.neighbours`. Always so for the model "neighbours".
    missing
        Versions of each training run with data missing, which join the training runs: see
        `egams.training.missing`. The model "neighbours" has no use for them.
    sam_like
        Versions of the commercial training runs that look like runs of the SAM testbed and join
        them, as a share of their number; none where there are no sources of SAM's backgrounds.
        See `egams.spectrogram.sam_like`. The model "neighbours" has no use for them.
    seed
        Added to that of the study: the same settings under two names are two trainings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)
    model: ModelConfig
    spectrogram: SpectrogramConfig = SpectrogramConfig()
    training: TrainingConfig = TrainingConfig()
    recipe: Recipe = "fast"
    evidence: bool = False
    sam_like: float = Field(0.25, ge=0)
    missing: float = Field(0.0, ge=0)
    seed: int = Field(0, ge=0)

    @field_validator("name")
    @classmethod
    def _is_no_name_of_a_study(cls, name: str) -> str:
        if name == ENSEMBLE or name.startswith("fold-") or name.endswith((".json", ".safetensors")):
            raise ValueError("a study calls something else so; expected another name")
        return name

    @model_validator(mode="after")
    def _range_fits(self) -> Experiment:
        if self.model.needs_unit_range and not self.spectrogram.unit_range:
            raise ValueError(
                f"the model '{self.model.kind}' takes spectrograms from 0 to 1; "
                "expected unit_range: true"
            )
        return self

    def with_settings(self, changes: Mapping[str, Any]) -> Experiment:
        """Make `changes` to settings by their dotted names, such as ``{"training.epochs": 3}``.

        Raises
        ------
        ConfigError
            If there is no such setting, or it cannot have this value.
        """
        settings = self.model_dump()
        for name, value in changes.items():
            *parents, last = name.split(".")
            part: Any = settings
            for parent in parents:
                part = part.setdefault(parent, {})
                if not isinstance(part, dict):
                    raise ConfigError(f"'{name}': '{parent}' is one value and holds no others.")
            part[last] = value
        try:
            return Experiment.model_validate(settings)
        except ValidationError as error:
            raise ConfigError(f"experiment '{self.name}': {explain(error)}") from error

    def ignores(self, setting: str) -> bool:
        """Whether a setting has no part in how this experiment is trained.

        Parameters
        ----------
        setting
            Its dotted name.
        """
        part = setting.partition(".")[0]
        if part == "training":
            return not self.model.trained_in_epochs
        drawn = ("spectrogram", "evidence", "missing", "sam_like", "seed")
        return part in drawn and not self.model.draws_spectrograms

    def flat(self) -> dict[str, Any]:
        """Return all settings by their dotted names."""
        settings = self.model_dump(mode="json")
        for part in [name for name, value in settings.items() if isinstance(value, dict)]:
            inner = settings.pop(part)
            settings |= {f"{part}.{name}": value for name, value in inner.items()}
        return settings

    def shortened(self, share: float) -> Experiment:
        """Train for `share` of the epochs (or trees), at least one."""
        changes: dict[str, BaseModel] = {"model": self.model.shortened(share)}
        if self.model.trained_in_epochs:
            epochs = max(1, round(self.training.epochs * share))
            changes["training"] = self.training.lasting(epochs)
        return self.model_copy(update=changes)


def explain(error: ValidationError) -> str:
    """Say which keys a validation found wrong, why, and what an unknown one may have meant."""
    return errors.explain(error, _meant_key)


def _meant_key(path: Sequence[str | int]) -> str:
    """Look beside the unknown key first, then among all keys that settings have."""
    *parents, key = map(str, path)
    parts: dict[str, list[type[BaseModel]]] = {
        "training": [TrainingConfig],
        "spectrogram": [SpectrogramConfig],
        "model": [kind.settings for kind in registered().values()],
    }
    keys = list(Experiment.model_fields)
    keys += [
        f"{part}.{name}"
        for part, settings in parts.items()
        for each in settings
        for name in each.model_fields
    ]
    beside = parents[-1] if parents and parents[-1] in parts else ""
    siblings = [name for name in keys if name.rpartition(".")[0] == beside]
    if f"model.{key}" in siblings:
        return " Models of other kinds have it."
    return meant(key, siblings) or ("" if beside else meant(key, keys))
