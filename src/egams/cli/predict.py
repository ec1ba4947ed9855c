"""`egams predict`: probabilities of the families for runs of any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from egams.cli.options import (
    SOME_SKIPPED,
    Bundle,
    Columns,
    ExecutorName,
    Import,
    Jobs,
    Labels,
    Metadata,
    Offset,
    OfInstrument,
    RampEnd,
    RampHold,
    RampRate,
    RampStart,
    Seed,
    Sources,
    Split,
    Strict,
    Temperature,
    temperature_of,
)


def predict(
    *,
    source: Sources,
    bundle: Bundle = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .csv (the challenge's layout), .parquet, .json or .xlsx; with "
            "--runs-per-shard a folder.",
        ),
    ] = None,
    details: Annotated[
        Path | None,
        typer.Option(help="JSON to write: spread, calls, flags and nearest training runs too."),
    ] = None,
    runs_per_shard: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="For very many runs: write everything as Parquet files of so many runs each, "
            "several at a time (--jobs). The same command goes on from where it was stopped.",
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=1, help="Test-time draws; as many as the bundle has if none.")
    ] = None,
    seed: Seed = 0,
    metadata: Metadata = None,
    labels: Labels = None,
    instrument: OfInstrument = None,
    columns: Columns = None,
    temperature: Temperature = None,
    offset: Offset = None,
    ramp: RampRate = None,
    start: RampStart = None,
    hold: RampHold = 0.0,
    end: RampEnd = None,
    split: Split = None,
    strict: Strict = False,
    jobs: Jobs = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="Where to predict; auto: on a GPU where there is one."),
    ] = "cpu",
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where shards are predicted: in this process, several, or on Ray."),
    ] = None,
    imports: Import = None,
) -> None:
    """Say which families are in the samples, and how sure.

    Exit status: 0 if all runs were used, 3 if some were skipped (each is listed with the reason),
    2 if none could be used or something else was wrong.
    """
    from egams.artifact import write_json
    from egams.cli.outputs import check_outputs, folders_to_make
    from egams.cli.predict_shards import predict_into_shards
    from egams.cli.show import progress_bar, say, say_passed_over, say_predictions
    from egams.ensemble.bundle import load_bundle
    from egams.errors import ConfigError
    from egams.io import read

    check_outputs(source, output, details, shards=runs_per_shard is not None)
    if executor is not None and runs_per_shard is None:
        raise ConfigError("--executor runs shards; expected --runs-per-shard beside it.")
    reader = read(
        source,
        instrument=instrument,
        metadata=metadata,
        labels=labels,
        split=split,
        columns=columns,
        temperature=temperature_of(temperature, ramp, start, hold, end),
        offset=offset,
    )
    say_passed_over(reader.passed_over)
    settings: dict[str, Any] = {"draws": draws, "seed": seed, "jobs": jobs}
    settings |= {"strict": strict, "device": device}
    if runs_per_shard is not None and output is not None:
        settings |= {"runs_per_shard": runs_per_shard, "executor": executor}
        skipped = predict_into_shards(bundle, reader, output, settings)
    else:
        loaded = load_bundle(bundle)
        with progress_bar("reading") as progress:
            predictions = loaded.predict(reader, progress=progress, **settings)
        say_predictions(predictions)
        for folder in folders_to_make(output, details):
            say(f"made the folder {folder}")
        if output is not None:
            predictions.save(output)
            say(f"predictions in {output}")
        if details is not None:
            write_json(details, predictions.details())
            say(f"details in {details}")
        skipped = len(predictions.skipped)
    if skipped:
        raise typer.Exit(SOME_SKIPPED)
