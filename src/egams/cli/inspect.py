"""`egams inspect`: what was read from a file, before anything is predicted from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    REFUSED,
    SOME_SKIPPED,
    Import,
    Memory,
    Sources,
)

if TYPE_CHECKING:
    from egams.io import RunSource


@opens("labels", "split")
def inspect(
    *,
    source: Sources,
    run: Annotated[
        str | None, typer.Option(help="Which run to look at, where the source holds several.")
    ] = None,
    opening: Opening,
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Look at a file before you trust what is predicted from it.

    Prints its dialect, what each column was taken for, scans, m/z, temperatures, heating rate,
    gaps, saturation and what was inferred, and draws the usual traces. What is open is asked. Of a
    bundle it prints what that is made of.
    """
    from egams.artifact import kind_of
    from egams.cli.show import say
    from egams.cli.show_bundle import say_bundle
    from egams.ensemble.bundle_files import BundleManifest
    from egams.errors import InputError
    from egams.io import open_source
    from egams.io.blob import input_errors

    how = opening.settings()
    refused = 0
    for each in source:
        if len(source) > 1:
            say(f"== {each}")
        try:
            with input_errors(str(each)):
                bundle = each.is_dir() and kind_of(each) == BundleManifest.kind
            if bundle:
                say_bundle(each)
                continue
            _say_run(open_source(each, **how), run)
        except InputError as error:
            if len(source) == 1:
                raise
            say(str(error))
            refused += 1
    if refused:
        raise typer.Exit(SOME_SKIPPED if refused < len(source) else REFUSED)


def _say_run(opened: RunSource, run: str | None) -> None:
    from egams.cli.show import say
    from egams.cli.show_inspect import say_account, say_facts, say_traces
    from egams.io.csv_source import CsvSource
    from egams.io.facts import facts_of

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
