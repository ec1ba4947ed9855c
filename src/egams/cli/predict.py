"""`egams predict`: probabilities of the families for runs of any format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from egams.cli.options import (
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
    Source,
    Split,
    Strict,
    Temperature,
    temperature_of,
)

if TYPE_CHECKING:
    from egams.io import RunReader, SkippedRun


def predict(
    *,
    source: Source,
    bundle: Bundle = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="CSV to write, in the challenge's layout; with --runs-per-shard a folder.",
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
    """Say which families are in the samples, and how sure."""
    from egams.artifact import write_json
    from egams.cli.show import console, prediction_table, progress_bar, say, say_apart, say_used
    from egams.ensemble.bundle import load_bundle
    from egams.errors import ConfigError
    from egams.io import read

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
    settings: dict[str, Any] = {"draws": draws, "seed": seed, "jobs": jobs}
    settings |= {"strict": strict, "device": device}
    if runs_per_shard is not None:
        if output is None or details is not None:
            raise ConfigError(
                "--runs-per-shard writes a folder that holds the details too; expected --output "
                "FOLDER and no --details."
            )
        settings |= {"runs_per_shard": runs_per_shard, "executor": executor}
        _predict_shards(bundle, reader, output, settings)
        return
    if executor is not None:
        raise ConfigError("--executor runs shards; expected --runs-per-shard beside it.")
    loaded = load_bundle(bundle)
    with progress_bar("reading") as progress:
        predictions = loaded.predict(reader, progress=progress, **settings)
    console().print(prediction_table(predictions))
    say_apart(predictions)
    say_used(predictions.instruments, [run.notes for run in predictions], predictions.skipped)
    if output is not None:
        predictions.to_csv(output)
        say(f"probabilities in {output}")
    if details is not None:
        write_json(details, predictions.details())
        say(f"details in {details}")


def _predict_shards(
    bundle: Path | None, reader: RunReader, folder: Path, settings: dict[str, Any]
) -> None:
    from egams.cli.show import RUNS_SHOWN, progress_bar, say
    from egams.ensemble.shards import SHARDS, predict_shards, read_shards

    with progress_bar("predicting") as progress:
        predict_shards(bundle, reader, folder, progress=progress, **settings)
    used = flagged = 0
    skipped: list[SkippedRun] = []
    for predictions in read_shards(folder):
        used += len(predictions)
        flagged += sum(bool(run.flags) for run in predictions)
        skipped += predictions.skipped
    say(f"{used} runs used, {len(skipped)} skipped, {flagged} flagged as unlike the training runs")
    for entry in skipped[:RUNS_SHOWN]:
        say(f"  skipped {entry.run_id}: {entry.reason}")
    if len(skipped) > RUNS_SHOWN:
        say(f"  and {len(skipped) - RUNS_SHOWN} more: the column 'skipped' lists all")
    say(f"predictions in {folder / SHARDS}")
