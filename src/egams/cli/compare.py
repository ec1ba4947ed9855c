"""`egams compare`: how far the log loss of two experiments differs, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Import, Seed, Study


def compare(
    study: Study,
    first: Annotated[str, typer.Argument(metavar="A", help="Experiment to compare with.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Experiment that may be better.")],
    study_b: Annotated[
        Path | None,
        typer.Option("--study-b", help="Study that holds B, if another; of the same runs."),
    ] = None,
    seed: Seed = 0,
    imports: Import = None,
) -> None:
    """Compare two experiments on the same runs.

    Change in mean log loss of B against A with its interval, overall and for each instrument. In
    a grouped study whole groups of near-duplicate runs are resampled.
    """
    import numpy as np

    from egams.cli.show import console
    from egams.evaluate.compare import compare_experiments, comparison_table
    from egams.study.study import Study as OpenStudy

    other = None if study_b is None else OpenStudy.open(study_b)
    pair = compare_experiments(OpenStudy.open(study), first, second, other)
    comparison_table(pair, np.random.default_rng(seed)).print(console())
