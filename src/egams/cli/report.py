"""`egams report`: runs, answers and evidence in one file to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    Bundle,
    Import,
    Jobs,
    Source,
)


@opens()
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
    opening: Opening,
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
        **opening.settings(),
    )
    names = ("instrument", "columns", "temperature", "offset", "split")
    options = {name: getattr(opening, name) for name in names}
    if opening.ramp is not None:
        options["ramp"] = f"{opening.ramp:g} degC/min from {opening.start:g} degC"
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
