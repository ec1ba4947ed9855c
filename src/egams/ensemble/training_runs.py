"""What a bundle knows of the runs it learned from: who they are, and what is usual among them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from egams.artifact import Artifact
from egams.ensemble.novelty import Novelty
from egams.ensemble.predictions import Neighbour
from egams.families import FAMILIES

Label = Annotated[int, Field(ge=0, le=1)]
Labels = Annotated[tuple[Label, ...], Field(min_length=len(FAMILIES), max_length=len(FAMILIES))]


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
    format_version = 1
    file = "training-runs.json"
    again = "Copy or make the bundle again."

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
        families = tuple(
            family for family, has in zip(FAMILIES, self.labels[place], strict=True) if has
        )
        return Neighbour(self.run_ids[place], families, distance)
