"""How a training is watched, stopped and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from egams.jobs.stopping import never
from egams.training.epoch_log import EpochLog

Progress = Callable[[int, int, float], None]
"""Called after each step of a training with steps done, steps in all, mean loss of the step."""


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
    """

    checkpoint: Path | None = None
    progress: Progress | None = None
    stop: Callable[[], bool] = never
    compiled: bool = False
    log: EpochLog | None = None


UNWATCHED = Controls()
