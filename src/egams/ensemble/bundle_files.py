"""Files of a bundle: what it is made of, where that stands, and what it knows of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from egams.artifact import STRICT, Artifact, refuse_damaged
from egams.ensemble.ensemble import Ensemble
from egams.ensemble.novelty import Novelty
from egams.ensemble.predictions import Neighbour
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES

TRAINING_RUNS = "training-runs"
MOST_DRAWS = 10_000
AGAIN = "Copy or make the bundle again."

Label = Annotated[int, Field(ge=0, le=1)]
Labels = Annotated[tuple[Label, ...], Field(min_length=len(FAMILIES), max_length=len(FAMILIES))]


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
    taught
        How many further runs it was taught: see `egams.ensemble.teach`.
    """

    kind = "bundle"
    format_version = 4
    again = AGAIN

    families: tuple[str, ...]
    members: tuple[MemberEntry, ...]
    ensemble: Ensemble
    draws: Annotated[int, Field(ge=1, le=MOST_DRAWS)]
    scores: Mapping[str, float]
    score: str = "mean log loss, out of fold"
    data: str
    study: Mapping[str, int]
    files: Mapping[str, str]
    same_as: Mapping[str, str]
    taught: Annotated[int, Field(ge=0)] = 0

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
        if tuple(each.experiment.name for each in self.members) != self.ensemble.names:
            raise ValueError("its members are others than those its ensemble weighs")
        if self.ensemble.without_unused().names != self.ensemble.names:
            raise ValueError("it has a member without weight")
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


class TrainingRuns(Artifact):
    """Names and labels of the training runs, and what is usual among them.

    Parameters
    ----------
    run_ids
        In the order in which neighbours trained on all runs know them ``[training run]``.
    labels
        ``[training run, family]``.
    novelty
        What sets a run apart from them.
    """

    kind = "training runs"
    format_version = 2
    file = "training-runs.json"
    again = AGAIN

    run_ids: tuple[str, ...]
    labels: tuple[Labels, ...]
    novelty: Novelty

    @model_validator(mode="after")
    def _labels_of_each(self) -> Self:
        if len(self.labels) != len(self.run_ids):
            raise ValueError(f"{len(self.labels)} rows of labels for {len(self.run_ids)} runs")
        return self

    def neighbour(self, place: int, distance: float) -> Neighbour:
        """Name the training run at that place, found at that distance."""
        families = tuple(compress(FAMILIES, self.labels[place]))
        return Neighbour(self.run_ids[place], families, distance)
