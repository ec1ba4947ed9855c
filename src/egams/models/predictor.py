"""A trained model behind one face: spectrograms in, probabilities out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from egams.models.neighbours import Neighbours

Evidence = Mapping[Neighbours, Tensor]
"""Evidence on some runs ``[run, family + 1]``, by the neighbours it is from."""


class Predictor(Protocol):
    """A trained model."""

    neighbours: Neighbours | None = None
    """Whose evidence joins the context of each run; None where the model uses none."""

    started_from: str | None = None
    """As `NetworkSettings.prepare` returned it; of a network just trained."""

    def context(self, own: Tensor, evidence: Evidence) -> Tensor:
        """Return the contexts that the model is shown ``[run, feature]``, of the runs' own ones."""
        return own

    @abstractmethod
    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Return probabilities ``[B, family]`` from ``[B, m/z, temperature]``, ``[B, feature]``."""

    def to(self, device: torch.device | str) -> None:
        """Move to the device of the runs to predict; trees compute on the CPU all the same."""
        return

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write into an existing folder, in formats that load without running code."""
