"""The challenge's CSV layout: ``sample_id`` and the ten families in alphabetical order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.evaluate.csv_columns import checked_ids, read_columns
from egams.evaluate.table import Table
from egams.evaluate.tables import score_table
from egams.families import FAMILIES, INSTRUMENTS
from egams.io.write import ID
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


def read_submission(path: str | Path) -> tuple[tuple[str, ...], FloatArray]:
    """Read run ids and probabilities ``[run, family]`` from `path`, in the challenge's layout.

    Columns may stand in any order; the result is in the order of `egams.families.FAMILIES`.

    Raises
    ------
    InputError
        If the file cannot be read, columns are missing or unknown, an id is empty or appears
        twice, or a value is not a number from 0 to 1; names row and column.
    """
    return _read_families(path, "a number from 0 to 1", binary=False)


def read_labels(path: str | Path) -> tuple[tuple[str, ...], FloatArray]:
    """Read run ids and labels ``[run, family]``, 0 or 1, from `path`; else as `read_submission`."""
    return _read_families(path, "0 or 1", binary=True)


def evaluate_files(
    predictions_csv: str | Path,
    labels_csv: str | Path,
    metadata_csv: str | Path | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> Evaluation:
    """Score a file of predictions against a file of labels.

    Parameters
    ----------
    predictions_csv
        Probabilities in the challenge's layout.
    labels_csv
        Labels in the same layout, of exactly the same runs, in any order.
    metadata_csv
        ``sample_id`` and ``instrument_type``, for scores of each instrument; may hold more runs.
    rng
        Draws the resamples of the intervals; seeded with 0 if None.

    Raises
    ------
    InputError
        As `read_submission`, or if runs are missing or in excess; names them.
    """
    names, y = read_labels(labels_csv)
    predicted, p = read_submission(predictions_csv)
    _same_runs(predicted, names, predictions_csv, labels_csv)
    place = {name: row for row, name in enumerate(predicted)}
    p = p[[place[name] for name in names]]
    instruments = None if metadata_csv is None else _read_instruments(metadata_csv, names)
    table = score_table(
        y,
        p,
        instruments,
        np.random.default_rng(0) if rng is None else rng,
        basis=f"Predictions of {Path(predictions_csv).name} on the runs of "
        f"{Path(labels_csv).name}; nothing was chosen here.",
    )
    return Evaluation(names, y, p, instruments, mean_log_loss(y, p), table)


def _same_runs(
    predicted: Sequence[str], labelled: Sequence[str], file: str | Path, labels: str | Path
) -> None:
    missing = sorted(set(labelled) - set(predicted))
    extra = sorted(set(predicted) - set(labelled))
    if missing or extra:
        problems = [
            f"{len(names)} runs {what} ({_some(names)})"
            for names, what in ((missing, "missing"), (extra, "without labels"))
            if names
        ]
        raise InputError(
            "; ".join(problems), file=file, column=ID, expected=f"exactly the runs of {labels}"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _read_families(
    path: str | Path, expected: str, *, binary: bool
) -> tuple[tuple[str, ...], FloatArray]:
    columns, lines = read_columns(path, (ID, *FAMILIES), others=False)
    names = checked_ids(path, ID, columns[ID], lines)
    values = np.empty((len(names), len(FAMILIES)))
    for place, family in enumerate(FAMILIES):
        for row, text in enumerate(columns[family]):
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            if not (value in (0.0, 1.0) if binary else 0.0 <= value <= 1.0):
                raise InputError(
                    f"run '{names[row]}' holds '{text}'",
                    file=path,
                    row=lines[row],
                    column=family,
                    expected=expected,
                )
            values[row, place] = value
    return names, values


def _read_instruments(path: str | Path, names: Sequence[str]) -> NDArray[np.str_]:
    columns, lines = read_columns(path, (ID, "instrument_type"), others=True)
    ids = checked_ids(path, ID, columns[ID], lines)
    known = dict(zip(ids, zip(columns["instrument_type"], lines, strict=True), strict=True))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"{len(unknown)} labelled runs missing ({_some(unknown)})",
            file=path,
            column=ID,
            expected="a row for each labelled run",
        )
    for name in names:
        instrument, line = known[name]
        if instrument not in INSTRUMENTS:
            raise InputError(
                f"run '{name}' holds '{instrument}'",
                file=path,
                row=line,
                column="instrument_type",
                expected=" or ".join(INSTRUMENTS),
            )
    return np.array([known[name][0] for name in names])
