"""`egams demo`: from nothing to scored probabilities, on simulated runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Jobs, Seed


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New, or of an earlier demo.")],
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Go the whole way on simulated runs, in minutes.

    Simulates labelled runs, trains a small ensemble, predicts unseen runs and scores that.
    A demo that was stopped goes on from where it was; one that finished starts over.
    """
    from egams.cli.demo_steps import run_demo

    run_demo(folder, seed, jobs)
