"""`egams simulate`: labelled runs of both instruments in the challenge's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Seed

Runs = Annotated[int, typer.Option(min=0, help="Runs of this split.")]


def simulate(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder to write into.")],
    train: Runs = 160,
    val: Runs = 40,
    test: Runs = 0,
    seed: Seed = 0,
    sam_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of SAM testbed runs in train and test.")
    ] = 0.05,
    sam_sweeps: Annotated[
        int | None,
        typer.Option(min=2, help="Sweeps of a SAM run; fewer are faster. As many as fit if none."),
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zipped/--folders", help="A zip for each split, or a folder.")
    ] = True,
) -> None:
    """Simulate a data set in the layout of the challenge."""
    import numpy as np

    from egams.cli.show import progress_bar, say
    from egams.simulate import SimulationConfig, simulate_challenge

    total = train + val + test
    with progress_bar("simulating") as progress:
        simulate_challenge(
            folder,
            train,
            val,
            test,
            np.random.default_rng(seed),
            config=SimulationConfig(sam_share=sam_share, sam_sweeps=sam_sweeps),
            zipped=zipped,
            progress=lambda done: progress(done, total),
        )
    say(f"{total} runs in {folder}; the labels of val and test are in {folder / 'truth'}")
