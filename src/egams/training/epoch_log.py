"""`EpochLog`: what is noted of a network's training, without influence on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from egams.models.evidence import WithEvidence
from egams.models.neighbours import Neighbours
from egams.models.predictor import Predictor
from egams.study.epochs import Epoch

POINTS = 10
"""Times that a training measures how it does on held-out runs."""


@dataclass
class EpochLog:
    """Epochs so far, and how to measure a network on the held-out runs.

    Parameters
    ----------
    held_out
        Returns the log loss of the held-out runs; None where there are none.
    epochs
        Those that are trained.
    """

    held_out: Callable[[Predictor], float] | None = None
    epochs: list[Epoch] = field(default_factory=list)

    def is_due(self, epoch: int, epochs: int) -> bool:
        """Whether to measure after this epoch, counted from 1."""
        every = max(1, epochs // POINTS)
        return self.held_out is not None and (epoch % every == 0 or epoch == epochs)

    def with_evidence(self, neighbours: Neighbours) -> EpochLog:
        """Return a log of the same epochs whose networks are shown evidence."""
        measure = self.held_out
        if measure is None:
            return self
        return replace(
            self, held_out=lambda predictor: measure(WithEvidence(predictor, neighbours))
        )
