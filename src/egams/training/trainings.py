"""`train_all`: what is not trained yet, in an executor, and what became of it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egams.artifact import remove_unfinished
from egams.errors import EgamsError
from egams.jobs.contract import Executor, Job, JobReport, JobState, Report
from egams.jobs.stopping import StoppedError, StopRequest
from egams.jobs.trackers import Tracker, Trackers
from egams.logloss import mean_log_loss
from egams.store.run_store import RunStore
from egams.study.mirror import Mirror
from egams.study.progress import Plan, ProgressWriter
from egams.study.study import Study
from egams.training.member import MemberTask, train_member
from egams.training.stored_member import StoredTask, put_store, train_stored_member


def train_all(
    study: Study,
    tasks: Sequence[MemberTask],
    executor: Executor,
    mirror: Mirror | None,
    report: Report | None,
    request: StopRequest,
    trackers: Trackers | None = None,
) -> None:
    """Train what is not trained yet, and keep files that say how far it is.

    Whoever calls this is alone in the study: what killed processes left of members that are
    finished now is removed.

    Parameters
    ----------
    tasks
        All that were requested, finished ones included.
    mirror
        Of shared storage, where members are trained; None trains in the study folder.
    trackers
        See `egams.jobs.trackers`.

    Raises
    ------
    EgamsError
        If a training failed; the others are kept.
    StoppedError
        If `request` came before all were finished.
    """
    Plan(tuple(task.member for task in tasks), executor.workers).write(study)
    undone = [task for task in tasks if not study.is_done(*task.member)]
    members = {task.name: task.member for task in undone}
    writer, ended = ProgressWriter(study, members), list[JobState]()
    tracking = Tracking(study, {task.name: task for task in undone}, trackers)

    def pass_on(entry: JobReport) -> None:
        writer.report(entry)
        tracking.report(entry)
        if report is not None:
            report(entry)

    if mirror is None:
        jobs = [Job(task.name, (task,)) for task in undone]
        states = executor.run(train_member, jobs, pass_on, request)
    else:
        states = executor.run(train_stored_member, _stored(undone, mirror), pass_on, request)
    # Closed, so that no process outlives an error here.
    with closing(states):
        for state in states:
            if state.state == "finished" and mirror is not None:
                mirror.fetch(members[state.job])
            writer.change(state)
            tracking.change(state)
            if state.state != "running":
                ended.append(state)
    for task in tasks:
        if study.is_done(*task.member):
            remove_unfinished(study.member_folder(*task.member))
            remove_unfinished(study.checkpoint(*task.member))
            remove_unfinished(study.fit_folder(task.fold))
    _refuse_unfinished(len(tasks), len(undone), ended, request)


def _stored(tasks: Sequence[MemberTask], mirror: Mirror) -> list[Job]:
    """Put the prepared runs where every node can reach them, and name them by fingerprint."""
    paths = {path for task in tasks for path in (task.store, task.sam_like) if path is not None}
    of: dict[Path | None, str] = {path: RunStore.open(path).fingerprint for path in paths}
    for path in paths:
        put_store(mirror.storage, path, of[path])
    url = mirror.storage.url
    stored = [StoredTask(task, url, of[task.store], of.get(task.sam_like)) for task in tasks]
    return [Job(each.task.name, (each,)) for each in stored]


def _refuse_unfinished(
    total: int, undone: int, ended: Sequence[JobState], request: StopRequest
) -> None:
    by_state = Counter(state.state for state in ended)
    failed = [state for state in ended if state.state == "failed"]
    left = undone - by_state["finished"] - len(failed)
    parts = []
    if failed:
        lines = "\n".join(f"  {state.job}: {state.reason}" for state in failed)
        parts.append(
            f"{len(failed)} of {undone} trainings failed; the others are kept. "
            f"Run the same command to try them again.\n{lines}"
        )
    if left:
        stopped = by_state["stopped"]
        why = "the time is up" if request.time_is_up and not request.signal else "stopped"
        parts.append(
            f"{why}: {total - left - len(failed)} of {total} trainings are finished, {stopped} "
            f"stopped with a checkpoint, {left - stopped} not begun. "
            "Give the same command again to go on."
        )
    if left and (request.signal or not failed):
        # A worker received a signal from outside, and this process none: no planned end.
        number = request.signal or (None if request.time_is_up else int(signal.SIGTERM))
        raise StoppedError("\n".join(parts), number)
    if failed:
        raise EgamsError("\n".join(parts))


@dataclass
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

    study: Study
    tasks: Mapping[str, MemberTask]
    trackers: Trackers | None
    _open: dict[str, Tracker] = field(default_factory=dict)

    def report(self, entry: JobReport) -> None:
        """Note how far a job is."""
        if entry.job in self._open:
            self._open[entry.job].log(entry.done, entry.measured)

    def change(self, state: JobState) -> None:
        """Note that a job begins, perhaps again, or ended."""
        if self.trackers is None:
            return
        task = self.tasks[state.job]
        if state.state != "running":
            self._open.pop(state.job).end(self._scores(task) if state.state == "finished" else None)
        elif state.job not in self._open:
            tracker = self._open[state.job] = self.trackers()
            settings = task.experiment.flat() | {"fold": task.fold, "seed_of_study": task.seed}
            tracker.start("/fold-".join(task.member), settings)

    def _scores(self, task: MemberTask) -> dict[str, float]:
        name, fold = task.member
        held_out, truth = self.study.out_of_fold(name, [fold]), self.study.truth()
        if not held_out.run_ids:
            return {}
        labels = np.array([truth[run].labels for run in held_out.run_ids])
        return {"log_loss": mean_log_loss(labels, held_out.probabilities.mean(axis=0))}
