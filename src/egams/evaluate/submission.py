"""Predictions in the challenge's CSV layout, scored against labels in the same layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.evaluate.table import Table
from egams.evaluate.tables import score_table
from egams.io.annotations import read_metadata
from egams.io.run_rows import ID, read_labels, read_submission
from egams.logloss import mean_log_loss

_NAMED = 5  # ids named in an error before it only counts


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions beside the labels they are judged on.

    Parameters
    ----------
    run_ids
        Runs in the order of the labels file.
    labels, probabilities
        ``[run, family]``.
    instruments
        Instrument of each run ``[run]``; None where no metadata was given.
    log_loss
        The score of the challenge.
    scores
        `egams.evaluate.tables.score_table`.
    """

    run_ids: tuple[str, ...]
    labels: FloatArray
    probabilities: FloatArray
    instruments: NDArray[np.str_] | None
    log_loss: float
    scores: Table


def evaluate_files(
    predictions_csv: str | Path,
    labels_csv: str | Path,
    metadata_csv: str | Path | None = None,
    *,
    subset: bool = False,
    rng: np.random.Generator | None = None,
) -> Evaluation:
    """Score a file of predictions against a file of labels.

    Parameters
    ----------
    predictions_csv
        Probabilities in the challenge's layout.
    labels_csv
        Labels in the same layout, in any order.
    metadata_csv
        ``sample_id`` and ``instrument_type``, for scores of each instrument; may hold more runs.
    subset
        Whether to score the runs that are in both files where they are not of the same runs; the
        caption of the scores says how many are left out of each.
    rng
        Draws the resamples of the intervals; seeded with 0 if None.

    Raises
    ------
    InputError
        As `egams.io.run_rows.read_submission`, or if runs are missing or in excess; names them.
    """
    labelled, y = read_labels(labels_csv)
    predicted, p = read_submission(predictions_csv)
    missing = sorted(set(labelled) - set(predicted))
    extra = sorted(set(predicted) - set(labelled))
    files = Path(predictions_csv).name, Path(labels_csv).name
    basis = f"Predictions of {files[0]} on the runs of {files[1]}; nothing was chosen here."
    if missing or extra:
        parts = ((missing, "missing"), (extra, "without labels"))
        counts = "; ".join(
            f"{len(runs)} runs {what} ({_some(runs)})" for runs, what in parts if runs
        )
        if not subset or len(missing) == len(labelled):
            raise InputError(
                counts,
                file=predictions_csv,
                column=ID,
                expected=f"exactly the runs of {labels_csv}",
                hint=None if subset else "Score the runs that are in both with --subset.",
            )
        basis += f" Scored are the runs that are in both; left out: {counts}."
    place = {name: row for row, name in enumerate(predicted)}
    rows = [row for row, name in enumerate(labelled) if name in place]
    names = tuple(labelled[row] for row in rows)
    y, p = y[rows], p[[place[name] for name in names]]
    instruments = None if metadata_csv is None else _read_instruments(metadata_csv, names)
    rng = np.random.default_rng(0) if rng is None else rng
    table = score_table(y, p, instruments, rng, basis=basis)
    return Evaluation(names, y, p, instruments, mean_log_loss(y, p), table)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _read_instruments(path: str | Path, names: Sequence[str]) -> NDArray[np.str_]:
    records = read_metadata(Path(path))
    unknown = [name for name in names if name not in records]
    if unknown:
        raise InputError(
            f"{len(unknown)} labelled runs missing ({_some(unknown)})",
            file=path,
            column=ID,
            expected="a row for each labelled run",
        )
    return np.array([records[name].instrument for name in names])
