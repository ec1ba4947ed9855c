"""How good experiments were, and how long they took, where somebody measured it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

BUILT_IN = Path(__file__).with_name("measured.csv")


@dataclass(frozen=True)
class Measured:
    """One experiment, cross-validated.

    Parameters
    ----------
    log_loss
        Mean over families, out of fold.
    minutes_per_fold
        Of training.
    epochs_share
        Of the epochs of its recipe: see ``cross-validate --epochs-share``.
    runs, folds
        Labelled runs, and folds that they were dealt into.
    machine
        What trained it, or who knows.
    """

    log_loss: float
    minutes_per_fold: float
    epochs_share: float
    runs: int
    folds: int
    machine: str

    def basis(self) -> str:
        """Say what it was measured on."""
        share = "" if self.epochs_share == 1 else f" with {self.epochs_share:.0%} of the epochs"
        return f"{self.runs:,} runs in {self.folds} folds, {self.machine}{share}"


@cache
def measured() -> dict[str, Measured]:
    """Read the measurements that come with egams, by the experiment's name."""
    row_read = TypeAdapter(Measured).validate_python
    with BUILT_IN.open(encoding="utf-8", newline="") as file:
        return {row["experiment"]: row_read(row) for row in csv.DictReader(file)}
