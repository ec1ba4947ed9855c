"""`egams prepare`: runs of any format into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    Import,
    Jobs,
    Memory,
    Source,
    Strict,
)


@opens()
def prepare(
    *,
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Store to write, a folder.")],
    opening: Opening,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare md5 sums with the metadata.")
    ] = False,
    strict: Strict = False,
    jobs: Jobs = None,
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Read runs of any format into a store to train from.

    Restricts and bins them and fits baselines. One that was stopped goes on from
    where it was.
    """
    from egams.cli.show import progress_bar, say, say_used
    from egams.io import read
    from egams.store.prepare import prepare as prepare_runs

    reader = read(
        source,
        **opening.settings(),
        verify=verify,
    )
    with progress_bar("preparing") as progress:
        store = prepare_runs(reader, output, jobs=jobs, strict=strict, progress=progress)
    say_used(store.instruments.tolist(), store.notes, store.skipped)
    say(f"{int(store.labelled.sum())} of them labelled; all in {output}")
