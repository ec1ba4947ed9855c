"""`egams teach`: labelled runs of one's own join those that a bundle knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egams.cli.library import InLibrary, open_library
from egams.cli.options import Import, Labels, Metadata, OfInstrument

if TYPE_CHECKING:
    from egams.io.sniff import Runs


def teach(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="Labelled runs: a folder, a zip, a .parquet; if left out, the runs of a library "
            "whose labels were confirmed.",
        ),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write, a folder.")],
    library: InLibrary = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle to teach; that of egams if none. It stays as it is.")
    ] = None,
    metadata: Metadata = None,
    labels: Labels = None,
    instrument: OfInstrument = None,
    imports: Import = None,
) -> None:
    """Teach a bundle labelled runs of yours, in seconds, without training.

    They join the runs that it knows: the nearest ones, and what these indicate to all models.
    """
    from egams.cli.show import say
    from egams.ensemble.teach import teach as teach_bundle
    from egams.errors import ConfigError
    from egams.io import read

    runs: Runs
    if source is None:
        if any((metadata, labels, instrument)):
            raise ConfigError("--metadata, --labels and --instrument belong to a SOURCE of runs.")
        with open_library(library) as opened:
            runs = opened.source(labelled=True)
    elif library is not None:
        raise ConfigError("SOURCE and --library both give runs: leave out one.")
    else:
        runs = read(source, metadata=metadata, labels=labels, instrument=instrument)
    lesson = teach_bundle(runs, output, bundle)
    say(f"{lesson.runs} runs taught: {output}")
    say(
        f"log loss of these runs: {lesson.before:.4f} before; {lesson.after:.4f} now, "
        "each predicted as if it had not been taught"
    )
    say(
        f"log loss of the runs known before, by neighbours alone, each from the others: "
        f"{lesson.known_before:.4f} before, {lesson.known_after:.4f} now"
    )
