"""What a bundle knows of the runs it learned from: who they are, and what is usual among them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.artifact import write_json
from egams.ensemble.novelty import Novelty
from egams.ensemble.predictions import Neighbour
from egams.errors import ArtifactError
from egams.families import FAMILIES

FILE = "training-runs.json"


@dataclass(frozen=True, eq=False)
class TrainingRuns:
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

    run_ids: tuple[str, ...]
    labels: NDArray[np.bool_]
    novelty: Novelty

    def neighbour(self, place: int, distance: float) -> Neighbour:
        """Name the training run at that place, found at that distance."""
        families = tuple(
            family for family, has in zip(FAMILIES, self.labels[place], strict=True) if has
        )
        return Neighbour(self.run_ids[place], families, distance)

    def save(self, folder: Path) -> None:
        """Write into a new folder, as JSON."""
        content = {
            "run_ids": list(self.run_ids),
            "labels": self.labels.astype(int).tolist(),
            "novelty": self.novelty.to_dict(),
        }
        write_json(folder / FILE, content)

    @classmethod
    def load(cls, folder: Path) -> TrainingRuns:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If it is not there, or damaged.
        """
        path = folder / FILE
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                tuple(content["run_ids"]),
                np.array(content["labels"], dtype=bool),
                Novelty.from_dict(content["novelty"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{path}: {error!r}. Copy or make the bundle again.") from error
