"""How far a study is, as `egams study status` shows it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from egams.cli.show import lined_table
from egams.jobs.duration import duration
from egams.study.progress import State
from egams.study.status import StudyStatus, TrainingStatus

STATES: dict[State, str] = {
    "running": "green",
    "silent": "bold yellow",
    "failed": "bold red",
    "stopped": "yellow",
    "waiting": "dim",
    "finished": "",
}
"""In the order they are shown: what wants a look first."""


def status_view(status: StudyStatus, now: float) -> Group:
    """Show every training in a row, then experiments with their log loss, then the time left."""
    table = lined_table()
    for name in ("experiment", "fold", "state", "epochs", "an epoch", "last sign", ""):
        right = name in ("epochs", "an epoch", "last sign")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    order = list(STATES)
    for training in sorted(status.trainings, key=lambda each: order.index(each.state)):
        table.add_row(
            Text(training.experiment),
            training.fold,
            Text(training.state, STATES[training.state]),
            "" if training.total is None else f"{training.done} of {training.total}",
            "" if training.seconds_each is None else duration(training.seconds_each),
            "" if training.updated is None else f"{duration(now - training.updated)} ago",
            Text(_note(training)),
        )
    return Group(table, _scores(status), Text(_summary(status)))


def _note(training: TrainingStatus) -> str:
    if training.state == "silent" and training.updated is not None:
        since = datetime.fromtimestamp(training.updated).astimezone()
        return f"silent since {since:%Y-%m-%d %H:%M:%S}; its process may be dead"
    if training.seconds is not None:
        return f"trained in {duration(training.seconds)}"
    return training.reason


def _scores(status: StudyStatus) -> Table:
    finished = Counter(each.experiment for each in status.trainings if each.state == "finished")
    requested = Counter(each.experiment for each in status.trainings)
    table = lined_table("Log loss out of fold, over the runs of the folds that are finished.")
    for name in ("experiment", "finished", "log loss so far"):
        table.add_column(name, justify="left" if name == "experiment" else "right")
    for name, count in requested.items():
        loss = f"{status.log_loss[name]:.4f}" if name in status.log_loss else ""
        table.add_row(Text(name), f"{finished[name]} of {count}", loss)
    return table


def _summary(status: StudyStatus) -> str:
    counts = Counter(each.state for each in status.trainings)
    summary = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    summary = f"{len(status.trainings)} trainings: {summary or 'none'}"
    if status.seconds_left is not None:
        summary += f"; about {duration(status.seconds_left)} left"
    if status.unmeasured:
        more = "more " if status.seconds_left is not None else ""
        summary += f"; {more}for {status.unmeasured} of which no epoch is measured yet"
    return summary
