"""What trainings report, handed on to trackers by the process that asked for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from egams.jobs.contract import JobReport, JobState
from egams.jobs.trackers import Tracker, Trackers
from egams.logloss import mean_log_loss
from egams.study.study import Study
from egams.training.member import MemberTask


class Tracking:
    """A tracker for each training, from its beginning to its end.

    Parameters
    ----------
    study
        Where members are once they are finished.
    tasks
        What each job trains, by its name.
    trackers
        Makes a tracker; None tracks nothing.
    """

    def __init__(
        self, study: Study, tasks: Mapping[str, MemberTask], trackers: Trackers | None
    ) -> None:
        self._study = study
        self._tasks = tasks
        self._trackers = trackers
        self._open: dict[str, Tracker] = {}

    def report(self, entry: JobReport) -> None:
        """Note how far a job is."""
        if entry.job in self._open:
            self._open[entry.job].log(entry.done, entry.measured)

    def change(self, state: JobState) -> None:
        """Note that a job begins, perhaps again, or ended."""
        if self._trackers is None:
            return
        task = self._tasks[state.job]
        if state.state != "running":
            self._open.pop(state.job).end(self._scores(task) if state.state == "finished" else None)
        elif state.job not in self._open:
            tracker = self._open[state.job] = self._trackers()
            settings = task.experiment.flat() | {"fold": task.fold, "seed_of_study": task.seed}
            tracker.start("/fold-".join(task.member), settings)

    def _scores(self, task: MemberTask) -> dict[str, float]:
        name, fold = task.member
        held_out, truth = self._study.out_of_fold(name, [fold]), self._study.truth()
        if not held_out.run_ids:
            return {}
        labels = np.array([truth[run].labels for run in held_out.run_ids])
        return {"log_loss": mean_log_loss(labels, held_out.probabilities.mean(axis=0))}
