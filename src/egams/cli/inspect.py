"""`egams inspect`: what was read from a file, before anything is predicted from it."""

from __future__ import annotations

from typing import Annotated

import typer

from egams.cli.options import (
    Columns,
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


def inspect(
    *,
    source: Source,
    run: Annotated[
        str | None, typer.Option(help="Which run to look at, where the source holds several.")
    ] = None,
    metadata: Metadata = None,
    instrument: OfInstrument = None,
    columns: Columns = None,
    temperature: Temperature = None,
    offset: Offset = None,
    ramp: RampRate = None,
    start: RampStart = None,
    hold: RampHold = 0.0,
    end: RampEnd = None,
) -> None:
    """Look at a file before you trust what is predicted from it.

    Prints its dialect, what each column was taken for, scans, m/z, temperatures, heating rate,
    gaps, saturation and what was inferred, and draws the usual traces. What is open is asked.
    """
    from egams.cli.show import say
    from egams.cli.show_inspect import say_account, say_facts, say_traces
    from egams.io import open_source
    from egams.io.csv_source import CsvSource
    from egams.io.facts import facts_of

    opened = open_source(
        source,
        instrument=instrument,
        metadata=metadata,
        columns=columns,
        temperature=temperature_of(temperature, ramp, start, hold, end),
        offset=offset,
    )
    run_id = run or opened.ids[0]
    if isinstance(opened, CsvSource):
        say_account(opened.recording(run_id).account)
    loaded = opened.load(run_id)
    say_facts(run_id, facts_of(loaded))
    for note in loaded.notes:
        say(f"note: {note}")
    say_traces(loaded)
    if run is None and len(opened.ids) > 1:
        say(f"the first of {len(opened.ids)} runs; --run names another")
