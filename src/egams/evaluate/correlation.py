"""How alike the members of a study are: correlations of their predictions and of their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.ensemble.calibration import logit
from egams.evaluate.table import Cell, Table

MEAN = "mean with the others"
POOLED = "Correlation of {}, out of fold, mean over draws; all runs and families pooled."


def correlations(values: ArrayLike) -> FloatArray:
    """Pearson correlation of every two members ``[member, member]``.

    Parameters
    ----------
    values
        ``[member, ...]``. A member that never varies has no correlation: NaN.
    """
    flat = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(flat.reshape(len(flat), -1)).reshape(len(flat), -1)


def correlation_tables(
    labels: ArrayLike, probabilities: ArrayLike, names: Sequence[str]
) -> tuple[Table, Table]:
    """Correlations of members' log odds and of their errors, each with its mean with the others.

    An error is the label less the probability; the lower their correlation, the more members add.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        Out-of-fold probabilities ``[member, run, family]``.
    names
        ``[member]``.
    """
    p = np.asarray(probabilities)
    odds, errors = correlations(logit(p)), correlations(np.asarray(labels, np.float64) - p)
    of_odds = POOLED.format("the log odds of experiments")
    of_errors = POOLED.format("the errors of experiments (label less probability)")
    of_errors += " Members whose errors are less alike gain more from being averaged."
    return (
        _table("log odds of", odds, names, of_odds),
        _table("errors of", errors, names, of_errors),
    )


def _table(first: str, found: FloatArray, names: Sequence[str], caption: str) -> Table:
    alone = len(names) < 2
    rows: list[tuple[Cell, ...]] = []
    for place, name in enumerate(names):
        others = np.delete(found[place], place)
        rows.append((name, *found[place].tolist(), None if alone else float(others.mean())))
    return Table((first, *names, MEAN), tuple(rows), caption)
