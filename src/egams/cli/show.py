"""What the commands show: lines, progress bars, tables of probabilities."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from egams.families import FAMILIES
from egams.plain import plain_text

if TYPE_CHECKING:
    from egams.ensemble.predictions import Predictions, RunPrediction
    from egams.io import SkippedRun
    from egams.jobs.contract import JobReport

RUNS_SHOWN = 20
WIDE = 160
NARROW = 80
"""Columns of the tables of probabilities where no terminal says how many it has."""
PRESENT = 0.5
CALLS = (
    "Call: of runs without a family at most 5 % are called present, of runs with it at most 10 % "
    "absent; else it is uncertain, as where the run cannot show the family. 'present' is never "
    "less likely than 50 %, 'absent' never more."
)

DIFFER = (
    "Differ by: standard deviation between the models, and between repeat predictions (draws). It "
    "is no interval about the probability."
)

_HEADINGS = {
    "carbonate": "carbo-\nnate",
    "chloride": "chlo-\nride",
    "iron_oxide": "iron\noxide",
    "oxalate": "oxa-\nlate",
    "oxychlorine": "oxy-\nchlo-\nrine",
    "phyllosilicate": "phyllo-\nsili-\ncate",
    "silicate": "sili-\ncate",
    "sulfate": "sul-\nfate",
    "sulfide": "sul-\nfide",
}


def console(*, stderr: bool = False, width: int = WIDE) -> Console:
    """Return where to print: the terminal, as wide as it is; else a file or pipe of `width`."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=width)


def say(line: str, *, stderr: bool = False) -> None:
    """Print a line as it is, without rich's markup, never broken; what is unseen is shown."""
    console(stderr=stderr).print(Text("\n".join(map(plain_text, line.split("\n")))), soft_wrap=True)


def say_used(
    instruments: Sequence[str], notes: Sequence[Sequence[str]], skipped: Sequence[SkippedRun]
) -> None:
    """Print how many runs were used and which were not, and each kind of note once."""
    kinds = ", ".join(f"{count} {name}" for name, count in Counter(instruments).items())
    say(f"{len(instruments)} runs used ({kinds}), {len(skipped)} skipped")
    for entry in skipped:
        say(plain_text(f"  skipped {entry.run_id}: {entry.reason}"))
    for note, count in gathered(notes).items():
        say(f"  note on {count} {'run' if count == 1 else 'runs'}: {plain_text(note)}")


def say_passed_over(names: Sequence[str]) -> None:
    """Print what lies in folders and was not taken for a run."""
    if names:
        more = f" and {len(names) - RUNS_SHOWN} more" if len(names) > RUNS_SHOWN else ""
        named = plain_text(", ".join(names[:RUNS_SHOWN]))
        say(f"not read, as no format of runs: {named}{more}")


def gathered(notes: Sequence[Sequence[str]]) -> dict[str, int]:
    """Count runs by note; notes that differ in their numbers alone count as one."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for note in (note for of_run in notes for note in of_run):
        kinds[re.sub(r"\d+([.,]\d+)*", "N", note)].append(note)
    return {same[0] if len(set(same)) == 1 else kind: len(same) for kind, same in kinds.items()}


def lined_table(caption: str | None = None) -> Table:
    """Return an empty table with a line under its head, the caption below it at the left."""
    return Table(box=box.SIMPLE, pad_edge=False, caption=caption, caption_justify="left")


def say_predictions(predictions: Predictions) -> None:
    """Print all that a person needs of predictions, and what became of each run."""
    console(width=NARROW).print(prediction_table(predictions))
    say_apart(predictions)
    say_used(predictions.instruments, [run.notes for run in predictions], predictions.skipped)


def prediction_table(predictions: Predictions) -> Table:
    """Show one run in full, several in a row each."""
    return _run_table(predictions[0]) if len(predictions) == 1 else _runs_table(predictions)


def _run_table(run: RunPrediction) -> Table:
    """Show one run: a row a family, the likeliest first."""
    table = lined_table(f"{CALLS}\n{DIFFER}")
    table.title, table.title_justify = Text(run.run_id), "left"
    for name in ("family", "probability", "models differ by", "draws differ by", "call"):
        table.add_column(name, justify="left" if name in ("family", "call") else "right")
    for place in (-run.probabilities).argsort(kind="stable").tolist():
        table.add_row(
            FAMILIES[place].replace("_", " "),
            _percent(float(run.probabilities[place]), " %"),
            f"{100 * float(run.spread[place]):.0f} %",
            f"{100 * float(run.draw_spread[place]):.0f} %",
            str(run.calls[place]),
        )
    return table


def say_apart(predictions: Predictions) -> None:
    """Print which runs are unlike the training runs and why, and what the only run is near to."""
    flagged = [run for run in predictions if run.flags]
    for run in flagged[:RUNS_SHOWN]:
        say(f"unlike the training runs: {run.run_id}: {'; '.join(run.flags)}")
    if len(flagged) > RUNS_SHOWN:
        say(f"and {len(flagged) - RUNS_SHOWN} more; --details lists all")
    if len(predictions) == 1 and predictions[0].nearest:
        say("nearest training runs (0 is the same):")
        for neighbour in predictions[0].nearest:
            say(f"  {neighbour}")


def _runs_table(predictions: Predictions) -> Table:
    """Probabilities in percent, a row a run; the families more likely than not are bold."""
    more = len(predictions) - RUNS_SHOWN
    rest = f" {more} more runs are not shown." if more > 0 else ""
    table = lined_table(f"Probability in percent.{rest}")
    table.padding = (0, 1, 0, 0)
    table.add_column("run", overflow="fold")
    for family in FAMILIES:
        table.add_column(_HEADINGS.get(family, family), justify="right", no_wrap=True)
    for run in predictions[:RUNS_SHOWN]:
        table.add_row(Text(run.run_id), *map(_percent, run.probabilities.tolist()))
    return table


def _percent(probability: float, unit: str = "") -> Text:
    style = "bold green" if probability >= PRESENT else "dim" if probability < 0.1 else ""
    return Text(f"{100 * probability:.0f}{unit}", style=style)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar; yields what is called with (done, total)."""
    with _bars() as bars:
        task = bars.add_task(what, total=None, loss="")
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def training_bars(trainings: int) -> Iterator[Callable[[JobReport], None]]:
    """Show a bar for all trainings and one for each that runs, with its loss."""
    with _bars() as bars:
        overall = bars.add_task("trainings", total=trainings, loss="")
        running: dict[str, TaskID] = {}

        def report(entry: JobReport) -> None:
            if entry.job not in running:
                running[entry.job] = bars.add_task(entry.job, total=entry.total, loss="")
            loss = "" if math.isnan(entry.loss) else f"loss {entry.loss:.4f}"
            bars.update(running[entry.job], completed=entry.done, loss=loss)
            if entry.done == entry.total and not bars.console.is_terminal:
                bars.console.print(f"{entry.job} is trained", markup=False, highlight=False)
            if entry.done == entry.total:
                bars.update(running[entry.job], visible=False)
                bars.advance(overall)

        yield report
        # Those that were finished by an earlier call reported nothing.
        bars.update(overall, completed=trainings)


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console(stderr=True),
    )
