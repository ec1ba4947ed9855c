"""`egams zoo`: what can be trained by name."""

from __future__ import annotations

from typing import Annotated

import typer


def zoo(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Names, sets, patterns like '13?_*', or files; all that are built in if left out.",
        ),
    ] = None,
) -> None:
    """List experiments: their models, what these cost, what they see, how it is varied."""
    from egams.cli.show import console
    from egams.evaluate.zoo_table import zoo_table
    from egams.experiments.zoo import experiments_named

    zoo_table(experiments_named(names or ["*"])).print(console())
