"""`egams plot`: a picture of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import (
    Bundle,
    Columns,
    Import,
    Metadata,
    Offset,
    OfInstrument,
    RampEnd,
    RampHold,
    RampRate,
    RampStart,
    Source,
    Temperature,
    temperature_of,
)


def plot(
    *,
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Picture to write: .png, .svg or .pdf.")
    ],
    run: Annotated[
        str | None, typer.Option(help="Which run to draw, where the source holds several.")
    ] = None,
    bundle: Bundle = None,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Draw the run without probabilities.")
    ] = False,
    metadata: Metadata = None,
    instrument: OfInstrument = None,
    columns: Columns = None,
    temperature: Temperature = None,
    offset: Offset = None,
    ramp: RampRate = None,
    start: RampStart = None,
    hold: RampHold = 0.0,
    end: RampEnd = None,
    imports: Import = None,
) -> None:
    """Draw one run, and what a bundle predicts of it.

    Ion traces over temperature with their baselines, and the spectrogram that models see.
    """
    from egams.cli.show import say
    from egams.ensemble.bundle import load_bundle
    from egams.errors import InputError
    from egams.io import open_source
    from egams.report.figure import draw_run

    opened = open_source(
        source,
        instrument=instrument,
        metadata=metadata,
        columns=columns,
        temperature=temperature_of(temperature, ramp, start, hold, end),
        offset=offset,
    )
    if run is None and len(opened.ids) != 1:
        raise InputError(
            f"holds {len(opened.ids)} runs", file=source, expected="one", hint="Name it with --run."
        )
    drawn = opened.load(run or opened.ids[0])
    predictions = None if data_only else load_bundle(bundle).predict(drawn)
    say(f"{drawn.run_id} in {draw_run(drawn, output, predictions=predictions)}")
