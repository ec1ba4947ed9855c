"""`egams zoo`: what can be trained by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Import


def zoo(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Names, sets, patterns like '13?_*', or files; all that are built in if left out.",
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            help="Take scores and minutes from this study; without names, list its experiments."
        ),
    ] = None,
    imports: Import = None,
) -> None:
    """List experiments: their models, costs and scores, what they see, how it is varied."""
    from egams.cli.show import console
    from egams.evaluate.zoo_table import study_measured, zoo_table
    from egams.experiments.measured import measured
    from egams.experiments.zoo import experiments_named
    from egams.study.study import Study

    listed, found = experiments_named(names or ["*"]), measured()
    if study is not None:
        opened = Study.open(study)
        found = study_measured(opened)
        listed = listed if names else list(opened.experiments().values())
    zoo_table(listed, found).print(console())
