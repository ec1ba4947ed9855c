"""`egams report`: runs, answers and evidence in one file to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import (
    Bundle,
    Columns,
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
    Source,
    Split,
    Temperature,
    temperature_of,
)


def report(
    *,
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")],
    bundle: Bundle = None,
    evidence: Annotated[
        bool | None,
        typer.Option(
            "--evidence/--no-evidence",
            help="Seek the windows that carry each answer, seconds a run; if left out, for reports "
            "of up to 10 runs.",
        ),
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="With traces to zoom into, by plotly: 5 MB more."),
    ] = False,
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
    jobs: Jobs = None,
    imports: Import = None,
) -> None:
    """Write a report: a table of all runs, then each with its answer, traces, evidence and peaks.

    One HTML file that needs no network, and prints as a PDF.
    """
    from egams.cli.show import progress_bar, say
    from egams.errors import ConfigError
    from egams.io import open_source
    from egams.report.html import write_report

    if output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output {output}: expected a name that ends in .html.")
    opened = open_source(
        source,
        instrument=instrument,
        metadata=metadata,
        labels=labels,
        split=split,
        columns=columns,
        temperature=temperature_of(temperature, ramp, start, hold, end),
        offset=offset,
    )
    options = {
        "instrument": instrument,
        "columns": columns,
        "temperature": temperature,
        "ramp": None if ramp is None else f"{ramp:g} degC/min from {start:g} degC",
        "offset": offset,
        "split": split,
    }
    with progress_bar("report") as progress:
        skipped = write_report(
            opened,
            output,
            bundle=bundle,
            evidence=evidence,
            interactive=interactive,
            jobs=jobs,
            options=options,
            progress=progress,
        )
    say(f"{len(opened.ids) - len(skipped)} runs in {output}, {len(skipped)} skipped")
    for entry in skipped:
        say(f"  skipped {entry.run_id}: {entry.reason}")
