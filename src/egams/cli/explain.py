"""`egams explain`: which ions, at which temperatures, carry the answer on one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    Bundle,
    Force,
    Import,
    Memory,
    Seed,
    Source,
)


@opens("labels", "split")
def explain(
    *,
    source: Source,
    run: Annotated[
        str | None, typer.Option(help="Which run to explain, where the source holds several.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="Explain this family, whatever its call; may be given several times. Else those "
            "that are present or uncertain."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write: .json.")
    ] = None,
    bundle: Bundle = None,
    draws: Annotated[
        int | None, typer.Option(min=1, help="Test-time draws; as many as the bundle has if none.")
    ] = None,
    seed: Seed = 0,
    opening: Opening,
    force: Force = False,
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Say which ions, at which temperatures, carry the answer.

    Takes each gas in each peak away, and predicts again. In brackets: the probability before and
    without it, and with it alone.
    """
    import json

    from egams.artifact import write_json
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say
    from egams.ensemble.bundle import load_bundle
    from egams.errors import ConfigError, InputError
    from egams.io import open_source

    if output is not None and output.suffix != ".json":
        raise ConfigError(f"--output {output}: expected a name that ends in .json.")
    refuse_foreign(output, (source, *opening.files, bundle), force=force)
    opened = open_source(
        source,
        **opening.settings(),
    )
    if run is None and len(opened.ids) != 1:
        raise InputError(
            f"holds {len(opened.ids)} runs", file=source, expected="one", hint="Name it with --run."
        )
    explanation = load_bundle(bundle).explain(
        opened.load(run or opened.ids[0]), families=family, draws=draws, seed=seed
    )
    if as_json:
        say(json.dumps(explanation.details(), indent=1))
    else:
        say(f"{explanation.run_id}\n{explanation}")
    if output is not None:
        write_json(output, explanation.details())
        typer.echo(f"details in {output}", err=as_json)
