"""How a training is watched, noted, stopped and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from egams.jobs.stopping import never
from egams.models.predictor import Predictor
from egams.study.epochs import Epoch

Progress = Callable[[int, int, float], None]
"""Called after each step of a training with steps done, steps in all, mean loss of the step."""

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


@dataclass(frozen=True)
class Controls:
    """What has no influence on the numbers that a training gives.

    Parameters
    ----------
    checkpoint
        File to resume from and to save to; None keeps nothing.
    progress
        Called after each epoch or booster.
    stop
        Called after each epoch or booster; where it returns True, the checkpoint is saved and
        the training raises `StoppedError`.
    compiled
        Hand networks to ``torch.compile``: a minute or more of compiling, then faster steps.
    log
        Where epochs of networks are noted.
    fit
        Folder that keeps the fit of the neighbours for other trainings on the same runs; None
        keeps none.
    """

    checkpoint: Path | None = None
    progress: Progress | None = None
    stop: Callable[[], bool] = never
    compiled: bool = False
    log: EpochLog | None = None
    fit: Path | None = None


UNWATCHED = Controls()
