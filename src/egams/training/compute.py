"""`Compute`: where trainings run, and for how long."""

from __future__ import annotations

import time
from dataclasses import dataclass

from egams.jobs.contract import Executor
from egams.jobs.duration import seconds_of


@dataclass(frozen=True)
class Compute:
    """Where trainings run, and for how long. The numbers do not depend on it, but for the device.

    Parameters
    ----------
    executor
        ``"local"`` (in this process), ``"processes"``, ``"ray"``, or an
        `egams.jobs.on_ray.RayExecutor` with settings of its own. None takes processes, or this one
        where one is enough.
    storage
        URL of a folder that every node can reach, where members and checkpoints are kept while
        the study's folder is a copy of it. None: every node can reach that folder itself.
    device
        ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda"``.
    compiled
        Hand networks to ``torch.compile``: a minute or more in each process, then faster steps.
    time_budget
        ``"25m"``, ``"1h30m"`` or seconds: then no training begins any more, and those that run stop
        with a checkpoint.
    """

    executor: Executor | str | None = None
    storage: str | None = None
    device: str = "auto"
    compiled: bool = False
    time_budget: str | float | None = None

    def deadline_from_now(self) -> float | None:
        """When the time is up, on the clock of `time.monotonic`; None for no limit."""
        return None if self.time_budget is None else time.monotonic() + seconds_of(self.time_budget)


HERE = Compute()
"""On this machine, until it is done."""
