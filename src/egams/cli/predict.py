"""`egams predict`: probabilities of the families for runs of any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Jobs, Labels, Metadata, OfInstrument, Seed, Source, Split, Strict


def predict(
    *,
    source: Source,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", "-b", help="Folder that egams bundle wrote; the shipped one if left out."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV to write, in the challenge's layout."),
    ] = None,
    details: Annotated[
        Path | None,
        typer.Option(
            help="JSON to write: spread, sets at 90 %, flags and nearest training runs too."
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=1, help="Test-time draws; as many as the bundle says if none.")
    ] = None,
    seed: Seed = 0,
    metadata: Metadata = None,
    labels: Labels = None,
    instrument: OfInstrument = None,
    split: Split = None,
    strict: Strict = False,
    jobs: Jobs = None,
) -> None:
    """Say which families are in the samples, and how sure."""
    from egams.artifact import write_json
    from egams.cli.show import console, prediction_table, progress_bar, say, say_apart, say_used
    from egams.ensemble.predictor import load_bundle
    from egams.evaluate.submission import write_submission
    from egams.io import read

    loaded = load_bundle(bundle)
    reader = read(source, instrument=instrument, metadata=metadata, labels=labels, split=split)
    with progress_bar("reading") as progress:
        predictions = loaded.predict(
            reader, draws=draws, seed=seed, jobs=jobs, strict=strict, progress=progress
        )
    console().print(prediction_table(predictions))
    say_apart(predictions)
    say_used(predictions.instruments, predictions.notes, predictions.skipped)
    if output is not None:
        write_submission(output, predictions.run_ids, predictions.probabilities)
        say(f"probabilities in {output}")
    if details is not None:
        write_json(details, predictions.details())
        say(f"details in {details}")
