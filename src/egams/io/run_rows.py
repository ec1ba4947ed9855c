"""Small files with a row for each run: metadata, labels, predictions. One set of rules."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import BoolArray, FloatArray
from egams.artifact import written_whole
from egams.errors import InputError
from egams.families import FAMILIES
from egams.io.plain_rows import plain_rows
from egams.logloss import truth_probability
from egams.plain import from_spreadsheet, plain_text, spreadsheet_text

ID = "sample_id"


@dataclass(frozen=True)
class RunRow:
    """What a file holds of one run.

    Parameters
    ----------
    file
        The file.
    row
        Line of the file the row ends on, counted from 1.
    cells
        Text by column, without the spaces around it.
    """

    file: Path
    row: int
    cells: Mapping[str, str]

    def refusal(self, column: str, expected: str) -> InputError:
        """Say that a cell holds something else than expected."""
        problem = f"run '{self.cells[ID]}' holds '{self.cells[column]}'"
        return InputError(problem, file=self.file, row=self.row, column=column, expected=expected)


def read_run_rows(path: Path, columns: Sequence[str]) -> dict[str, RunRow]:
    """Read a file with a header and a column ``sample_id``, by run id.

    It may be text or a workbook, see `egams.io.plain_rows.plain_rows`. Columns may come in any
    order, with others beside them; empty lines are passed over.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or doubled, a row has not as many cells
        as the header, or a run has no id or is there twice.
    """
    table = plain_rows(path, (ID, *columns))
    rows: dict[str, RunRow] = {}
    for line, fields in table.rows:
        if len(fields) != len(table.names):
            raise InputError(
                f"{len(fields)} fields under a header of {len(table.names)}",
                file=path,
                row=line,
                expected=f"{len(table.names)} fields in each row",
            )
        cells = dict(zip(table.names, fields, strict=True))
        cells[ID] = run_id = plain_text(from_spreadsheet(cells[ID]))
        problem = None
        if not run_id:
            problem = "holds no run id"
        elif run_id in rows:
            first = rows[run_id].row
            problem = f"run '{run_id}' is here a second time (the first is row {first})"
        if problem:
            raise InputError(problem, file=path, row=line, column=ID, expected="each run once")
        rows[run_id] = RunRow(path, line, cells)
    return rows


def read_labels(path: str | Path) -> tuple[tuple[str, ...], FloatArray]:
    """Read run ids and labels ``[run, family]``, 0 or 1, from `path`; else as `read_submission`."""
    return _read_families(Path(path), "0 or 1", lambda p: (p == 0) | (p == 1))


def read_submission(path: str | Path) -> tuple[tuple[str, ...], FloatArray]:
    """Read run ids and probabilities ``[run, family]`` from `path`, in the challenge's layout.

    Families are in the order of `egams.families.FAMILIES`, whatever that of the columns.

    Raises
    ------
    InputError
        As `read_run_rows`, or if a value is not a number from 0 to 1, or there are no runs.
    """
    found = _read_families(Path(path), "a number from 0 to 1", lambda p: (p >= 0) & (p <= 1))
    if not found[0]:
        raise InputError("no runs", file=path, expected="a row for each run under the header")
    return found


def write_submission(path: str | Path, run_ids: Sequence[str], probabilities: ArrayLike) -> None:
    """Write probabilities in the challenge's layout, to a temporary name and renamed.

    Every number is written with the digits that bring the same float64 back.

    Parameters
    ----------
    path
        CSV file to write.
    run_ids
        Name of each run.
    probabilities
        ``[run, family]``.

    Raises
    ------
    InputError
        If shapes disagree, a run appears twice, or a probability is NaN or outside 0..1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(run_ids), len(FAMILIES)):
        raise InputError(
            f"{len(run_ids)} runs, probabilities of shape {p.shape}", expected="[run, family]"
        )
    if len(set(run_ids)) < len(run_ids):
        raise InputError("a run appears twice", expected="each run once")
    if p.size:
        truth_probability(np.zeros(p.shape), p)
    with (
        written_whole(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([ID, *FAMILIES])
        writer.writerows(
            [spreadsheet_text(name), *row] for name, row in zip(run_ids, p.tolist(), strict=True)
        )


def _read_families(
    path: Path, expected: str, fits: Callable[[FloatArray], BoolArray]
) -> tuple[tuple[str, ...], FloatArray]:
    rows = read_run_rows(path, FAMILIES)
    values = np.array([_number(row.cells[name]) for row in rows.values() for name in FAMILIES])
    values = values.reshape(-1, len(FAMILIES))
    for row, family in np.argwhere(~fits(values)):
        raise list(rows.values())[row].refusal(FAMILIES[family], expected)
    return tuple(rows), values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
