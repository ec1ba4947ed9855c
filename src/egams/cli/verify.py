"""`egams verify`: whether every byte of what egams wrote is still as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Import


def verify(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A bundle, store, study, checkpoint, folder of predictions, library, JSON "
            "file of egams, or a Parquet file.",
        ),
    ],
    imports: Import = None,
) -> None:
    """Compare all of a bundle, store, study or library with its digests; name what is damaged."""
    from egams.cli.show import say
    from egams.library.database import check_all, is_database
    from egams.study.verify import verify as verified

    if is_database(path):
        check_all(path, path)
        say(f"{path}: a whole library")
        return
    say(f"{path}: a whole {verified(path)}")
