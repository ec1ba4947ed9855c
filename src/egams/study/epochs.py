"""The log of a training, epoch by epoch, beside the member; no training or choice reads it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from egams.errors import ArtifactError

EPOCHS = "epochs.csv"


@dataclass(frozen=True)
class Epoch:
    """One epoch of a network's training.

    Parameters
    ----------
    epoch
        Counted from 1.
    training_loss
        Mean over the epoch, of smoothed and mixed labels.
    held_out_log_loss
        Of the held-out runs, one test-time draw, with the averaged weights; NaN where not measured.
    learning_rate
        Of the last step.
    seconds
        Without the measuring.
    """

    epoch: int
    training_loss: float
    held_out_log_loss: float
    learning_rate: float
    seconds: float

    def measured(self) -> dict[str, float]:
        """Everything but the number of the epoch, by name, as far as it was measured."""
        values = {field.name: float(getattr(self, field.name)) for field in fields(self)[1:]}
        return {name: value for name, value in values.items() if not math.isnan(value)}


def write_epochs(path: Path, epochs: Iterable[Epoch]) -> None:
    """Write a CSV, a row an epoch; what was not measured is left empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Epoch))
        for epoch in epochs:
            number, *values = astuple(epoch)
            writer.writerow([number, *("" if math.isnan(x) else f"{x:.6g}" for x in values)])


def read_epochs(path: Path) -> list[Epoch]:
    """Read what `write_epochs` wrote; nothing where there is no such file.

    Raises
    ------
    ArtifactError
        If it is damaged.
    """
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        return [
            Epoch(int(number), *(float(value or "nan") for value in values))
            for number, *values in rows
        ]
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: is damaged ({error}); remove it.") from error
