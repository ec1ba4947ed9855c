"""`egams tables`: every table of a study, to read and to load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Seed, Study


def tables(
    study: Study,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tables.")],
    seed: Seed = 0,
) -> None:
    """Write the tables of a study.

    Experiments, ensemble size, test-time draws, clips, scores and, where there is one, the fold
    of SAM runs; each as Markdown and as Parquet.
    """
    import numpy as np

    from egams.cli.show import say
    from egams.evaluate.study_tables import study_tables, write_tables
    from egams.training.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    written = write_tables(opened, study_tables(opened, np.random.default_rng(seed)), output)
    for path in written:
        say(str(path))
