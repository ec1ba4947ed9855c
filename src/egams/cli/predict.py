"""`egams predict`: probabilities of the families for runs of any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    SOME_SKIPPED,
    Blank,
    BlankTemperature,
    Bundle,
    ExecutorName,
    Force,
    Import,
    Jobs,
    Memory,
    Seed,
    Sources,
    Strict,
)


@opens()
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
    opening: Opening,
    blank: Blank = None,
    blank_temperature: BlankTemperature = None,
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
    force: Force = False,
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Say which families are in the samples, and how sure.

    Exit status: 0 if all runs were used, 3 if some were skipped (each is listed with the reason),
    2 if none could be used or something else was wrong.
    """
    from egams.cli.blank import blank_of
    from egams.cli.outputs import check_outputs, refuse_beside_shards, write_outputs
    from egams.cli.predict_shards import predict_into_shards
    from egams.cli.show import progress_bar, say_passed_over, say_predictions
    from egams.ensemble.bundle import load_bundle
    from egams.io import read

    inputs = (*source, blank, blank_temperature, *opening.files, bundle)
    shards = runs_per_shard is not None
    check_outputs(inputs, output, details, shards=shards, force=force)
    refuse_beside_shards(shards, executor, blank)
    how = opening.settings()
    without = blank_of(blank, blank_temperature, opening)
    if how["temperature"] is None and blank_temperature is not None:
        how["offset"] = None  # of the blank alone
    reader = read(source, **how)
    say_passed_over(reader.passed_over)
    settings: dict[str, Any] = {"draws": draws, "seed": seed, "jobs": jobs}
    settings |= {"strict": strict, "device": device}
    if runs_per_shard is not None and output is not None:
        settings |= {"runs_per_shard": runs_per_shard, "executor": executor}
        skipped = predict_into_shards(bundle, reader, output, settings)
    else:
        loaded = load_bundle(bundle)
        with progress_bar("reading") as progress:
            predictions = loaded.predict(reader, progress=progress, blank=without, **settings)
        say_predictions(predictions)
        write_outputs(predictions, output, details)
        skipped = len(predictions.skipped)
    if skipped:
        raise typer.Exit(SOME_SKIPPED)
