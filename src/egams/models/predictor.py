"""A trained model behind one face: spectrograms in, probabilities out; perhaps with evidence.

Evidence is what the nearest training runs were labelled. It joins the context of a run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from egams.arrays import Array
from egams.logistic import sigmoid
from egams.models.neighbours import Neighbours, logits_of

NEIGHBOURS = "neighbours.safetensors"

if TYPE_CHECKING:
    import torch

Features = NDArray[np.float32]

Evidence = Mapping[Neighbours, Features]
"""Evidence on some runs ``[run, family + 1]``, by the neighbours it is from."""

Shared = dict[Path, Neighbours]
"""Neighbours that were loaded already, by file."""


class Predictor(Protocol):
    """A trained model."""

    neighbours: Neighbours | None = None
    """Whose evidence joins the context of each run; None where the model uses none."""

    started_from: str | None = None
    """As `NetworkSettings.prepare` returned it; of a network just trained."""

    def context(self, own: Features, evidence: Evidence) -> Features:
        """Return the contexts that the model is shown ``[run, feature]``, of the runs' own ones."""
        return own

    @abstractmethod
    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """Return probabilities ``[B, family]`` from ``[B, m/z, temperature]``, ``[B, feature]``."""

    def on(self, device: torch.device | str) -> Predictor:
        """Return the form of the model that computes on a device; trees have one form only."""
        return self

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write into an existing folder, in formats that load without running code."""


class WithEvidence(Predictor):
    """A trained model, and the neighbours whose evidence ends the contexts that it is shown.

    Parameters
    ----------
    predictor
        Trained on contexts with evidence.
    neighbours
        Fitted on the same runs.
    """

    neighbours: Neighbours

    def __init__(self, predictor: Predictor, neighbours: Neighbours) -> None:
        self.predictor = predictor
        self.neighbours = neighbours
        self.started_from = predictor.started_from

    def context(self, own: Features, evidence: Evidence) -> Features:
        """See `Predictor`."""
        return np.concatenate([own, evidence[self.neighbours]], 1)

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        return self.predictor.probabilities(spectrogram, context)

    def on(self, device: torch.device | str) -> Self:
        """See `Predictor`."""
        return type(self)(self.predictor.on(device), self.neighbours)

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        self.predictor.save(folder)
        self.neighbours.save(folder / NEIGHBOURS)


class EvidenceAlone(Predictor):
    """The model "neighbours": takes the evidence at its word."""

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`; the same for every draw."""
        return np.asarray(sigmoid(logits_of(context)))

    def save(self, folder: Path) -> None:
        """See `Predictor`; nothing but the neighbours was learned."""

    @classmethod
    def load(cls, files: Mapping[str, Path], _settings: Any) -> EvidenceAlone:
        """Read what `save` wrote."""
        needs_neighbours(files)
        return cls()


def needs_neighbours(files: Mapping[str, Path]) -> None:
    """Raise FileNotFoundError if there are none among the files of a model."""
    if NEIGHBOURS not in files:
        raise FileNotFoundError(f"{NEIGHBOURS} is not there")
