"""`egams library`: what the workbench keeps, without the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egams.cli.options import Force

if TYPE_CHECKING:
    from egams.library.library import Library
    from egams.library.records import StoredRun

library_app = typer.Typer(
    name="library",
    help="Look into a library of runs, and take out what is in it.",
    no_args_is_help=True,
)
SHOWN = ("present", "uncertain")
InLibrary = Annotated[
    Path | None,
    typer.Option(
        "--library", help="File of the library; yours if left out (its place is printed)."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]


def open_library(given: Path | None) -> Library:
    """Open a library that is there already, and print its place.

    Parameters
    ----------
    given
        Value of ``--library``.

    Raises
    ------
    InputError
        If there is none.
    """
    from egams.cli.show import say
    from egams.errors import InputError
    from egams.library.library import Library, usual_place

    path = given or usual_place()
    if not path.is_file():
        raise InputError("there is no library", file=path, hint="egams serve makes one.")
    opened = Library.open(path)
    say(f"library {opened.path}")
    return opened


@library_app.command(name="list")
def list_runs(
    search: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORD]...",
            help="Only runs whose name, file, instrument or remark hold all of these words.",
        ),
    ] = None,
    library: InLibrary = None,
    most: Annotated[int, typer.Option(min=1, help="Most runs to print, newest first.")] = 50,
) -> None:
    """List runs with what was called present and uncertain, and their remarks."""
    from egams.cli.show import say

    with open_library(library) as opened:
        runs, total = opened.runs(" ".join(search or ()), descending=True, limit=most)
    for run in runs:
        say(_line(run))
    say(f"{total} runs" + (f", {total - len(runs)} not shown" if total > len(runs) else ""))


@library_app.command()
def labels(output: Output, library: InLibrary = None, force: Force = False) -> None:
    """Write the labels that were confirmed, as a CSV that egams teach and evaluate read."""
    from egams.artifact import write_text
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say
    from egams.library.export import labels_csv

    with open_library(library) as opened:
        refuse_foreign(output, (opened.path,), force=force)
        runs, total = opened.runs(labelled=True, sort="name", limit=-1)
        write_text(output, labels_csv(runs))
    say(f"labels of {total} runs in {output}")


@library_app.command()
def export(output: Output, library: InLibrary = None, force: Force = False) -> None:
    """Write all of a library as a zip that egams and other programs read.

    Runs in the challenge's layout with metadata and labels, the files as they came, and as JSON
    how they are read, remarks and answers.
    """
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say

    with open_library(library) as opened:
        refuse_foreign(output, (opened.path,), force=force)
        say(f"{opened.export(output)} runs in {output}")


@library_app.command()
def backup(output: Output, library: InLibrary = None, force: Force = False) -> None:
    """Write a copy of a library as it is now, also while egams serve uses it, and check the copy.

    The copy is one file and a library, taught bundles included: egams serve --library opens it.
    """
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say

    with open_library(library) as opened:
        refuse_foreign(output, (opened.path,), force=force)
        say(f"a copy, whole and checked: {opened.backup(output)}")


def _line(run: StoredRun) -> str:
    parts = [f"{run.id:6} {run.name}"]
    if run.prediction is not None:
        calls = {name: each["call"] for name, each in run.prediction["families"].items()}
        called = {call: [name for name in calls if calls[name] == call] for call in SHOWN}
        parts += [f"{call} {', '.join(names)}" for call, names in called.items() if names]
        parts += run.prediction["flags"]
    if run.labels is not None:
        named = [family for family, label in run.labels.items() if label]
        parts.append(f"labelled {', '.join(named) or 'no family'}")
    if run.remark:
        parts.append(" ".join(run.remark.split()))
    return "; ".join(parts)
