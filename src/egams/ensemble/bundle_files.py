"""The manifest of a bundle: what it is made of, and where its files stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from egams.artifact import STRICT, Artifact, file_digests, refuse_damaged
from egams.ensemble.ensemble import Ensemble
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES

TRAINING_RUNS = "training-runs"


class MemberEntry(BaseModel):
    """An experiment, and the folds of which the bundle has models."""

    model_config = STRICT | ConfigDict(frozen=True)

    experiment: Experiment
    folds: Annotated[tuple[str, ...], Field(min_length=1)]


class BundleManifest(Artifact):
    """What a bundle is made of.

    Parameters
    ----------
    families
        What it predicts, in this order.
    members
        In the order of the ensemble's weights.
    ensemble
        How the members are put together.
    draws
        Test-time draws that the members were scored with.
    scores, score
        Out of fold, and what they are.
    data
        Fingerprint of the runs.
    study
        Folds, seed, draws and runs of the study.
    files
        SHA-256 of each file, by path.
    same_as
        Which of `files` stands for another path that it equals.
    """

    kind = "bundle"
    format_version = 3
    again = "Copy or make the bundle again."

    families: tuple[str, ...]
    members: tuple[MemberEntry, ...]
    ensemble: Ensemble
    draws: Annotated[int, Field(ge=1)]
    scores: Mapping[str, float]
    score: str = "mean log loss, out of fold"
    data: str
    study: Mapping[str, int]
    files: Mapping[str, str]
    same_as: Mapping[str, str]

    @field_validator("families")
    @classmethod
    def _known_families(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if families != FAMILIES:
            raise ValueError(
                f"predicts other families ({', '.join(families)}); this egams knows "
                + ", ".join(FAMILIES)
            )
        return families

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if tuple(each.experiment.name for each in self.members) != self.ensemble.stack.names:
            raise ValueError("its members are others than those its ensemble weighs")
        lost = sorted(set(self.same_as.values()) - self.files.keys())
        if lost:
            raise ValueError(f"'{lost[0]}' stands for another file and is none of the bundle's own")
        return self

    def member_files(self, bundle: Path, experiment: str, fold: str) -> dict[str, Path]:
        """Where the files of a member are, by name."""
        place = f"{experiment}/fold-{fold}/"
        everything = {path: path for path in self.files} | dict(self.same_as)
        return {
            path.removeprefix(place): bundle / stands
            for path, stands in everything.items()
            if path.startswith(place)
        }

    def refuse_damaged_files(self, bundle: Path) -> None:
        """See that every file is what it was when the bundle was made.

        Raises
        ------
        ArtifactError
            If one is missing, damaged, or outside the bundle.
        """
        for path in self.files:
            if not (bundle / path).resolve().is_relative_to(bundle.resolve()):
                raise ArtifactError(f"{bundle}: names '{path}', which is not in it. {self.again}")
        refuse_damaged(bundle, self.files, self.again)


def bundle_digests(bundle: Path) -> dict[str, str]:
    """Hash every file in the folders of a bundle, by path relative to it."""
    return file_digests(bundle, (path for path in bundle.glob("*/**/*") if path.is_file()))
