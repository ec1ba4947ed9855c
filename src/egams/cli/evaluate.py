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
        Path, typer.Argument(metavar="LABELS", help="CSV with the labels of exactly these runs.")
    ],
    metadata: Annotated[
        Path | None,
        typer.Option(help="CSV with sample_id and instrument_type: a score for each instrument."),
    ] = None,
) -> None:
    """Score predictions against labels.

    Log loss, AP, ROC AUC and calibration, overall and for each instrument and family.
    """
    from egams.cli.show import console
    from egams.evaluate.submission import evaluate_files

    evaluate_files(predictions, labels, metadata).scores.print(console())
