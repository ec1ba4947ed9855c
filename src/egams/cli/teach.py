"""`egams teach`: labelled runs of one's own join those that a bundle knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Labels, Metadata, OfInstrument, Source


def teach(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write, a folder.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle to teach; that of egams if none. It stays as it is.")
    ] = None,
    metadata: Metadata = None,
    labels: Labels = None,
    instrument: OfInstrument = None,
) -> None:
    """Teach a bundle labelled runs of yours, in seconds, without training.

    They join the runs that it knows: the nearest ones, and what these indicate to all models.
    """
    from egams.cli.show import say
    from egams.ensemble.teach import teach as teach_bundle
    from egams.io import read

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
