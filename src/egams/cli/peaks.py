"""`egams peaks`: onset, maximum, end and area of what samples gave off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    Force,
    Memory,
    Source,
    Strict,
    mz_numbers,
)

if TYPE_CHECKING:
    from egams.explain.peaks import Peak


@opens()
def peaks(
    *,
    source: Source,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV to write: a row a peak, all runs.")
    ] = None,
    mz: Annotated[
        str | None,
        typer.Option(
            help="m/z to look at, as they were measured: '18,44,64' or '12-100'. Else the usual "
            "gases, fragments of others subtracted, with proxies of saturated ions."
        ),
    ] = None,
    opening: Opening,
    strict: Strict = False,
    force: Force = False,
    memory: Memory = None,
) -> None:
    """List the peaks of runs: onset, maximum, end, height, area, share, overlaps, saturation.

    Of one run they are printed; of several they go into the CSV.
    """
    from egams.cli.asked_mz import lacking_mz, say_lacking
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import console, progress_bar, say, say_used
    from egams.cli.show_peaks import peak_table
    from egams.errors import ConfigError, InputError
    from egams.explain.peak_table import write_peaks
    from egams.explain.peaks import peaks as peaks_of
    from egams.io import SkippedRun, read

    refuse_foreign(output, (source, *opening.files), force=force)
    wanted = None if mz is None else mz_numbers(mz)
    reader = read(
        source,
        **opening.settings(),
        strict=strict,
    )
    if output is None and len(reader) > 1:
        raise ConfigError(
            f"{source} holds {len(reader)} runs; expected -o FILE.csv for their peaks."
        )
    rows: list[tuple[str, str, Peak]] = []
    instruments, notes, skipped, lacking = [], [], [], []
    with progress_bar("peaks") as progress:
        for done, run in enumerate(reader, 1):
            try:
                rows += [(run.run_id, run.unit, peak) for peak in peaks_of(run, wanted)]
            except InputError as error:
                if strict:
                    raise
                skipped.append(SkippedRun(run.run_id, str(error)))
                continue
            instruments.append(run.instrument)
            notes.append(run.notes)
            lacking.append(lacking_mz(run, wanted))
            progress(done, len(reader))
    skipped += reader.skipped
    if not instruments:
        raise InputError(f"none of {len(skipped)} runs can be used: {skipped[0].reason}")
    if len(instruments) == 1:
        console().print(peak_table([peak for *_, peak in rows], rows[0][1] if rows else ""))
    say_used(instruments, notes, skipped)
    say_lacking(lacking)
    if output is not None:
        write_peaks(output, rows)
        say(f"{len(rows)} peaks in {output}")
