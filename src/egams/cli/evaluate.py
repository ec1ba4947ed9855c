"""`egams evaluate`: score predictions against labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="CSV that egams predict wrote.")
    ],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS", help="CSV with the labels of exactly these runs, or see --subset."
        ),
    ],
    metadata: Annotated[
        Path | None,
        typer.Option(help="CSV with sample_id and instrument_type: a score for each instrument."),
    ] = None,
    subset: Annotated[
        bool,
        typer.Option("--subset", help="Score the runs that are in both files; list the others."),
    ] = False,
) -> None:
    """Score predictions against labels.

    Log loss, AP, ROC AUC and calibration, overall and for each instrument and family.
    """
    from egams.cli.show import console
    from egams.evaluate.submission import evaluate_files

    evaluate_files(predictions, labels, metadata, subset=subset).scores.print(console())
