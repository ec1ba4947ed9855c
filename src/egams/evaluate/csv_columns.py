"""Small CSV files of one row for each run, with errors that name the line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from egams.errors import InputError


def read_columns(
    path: str | Path, wanted: Sequence[str], *, others: bool
) -> tuple[dict[str, list[str]], list[int]]:
    """Read named columns of a CSV file as text.

    Parameters
    ----------
    path
        UTF-8 file with a header line; empty lines are passed over.
    wanted
        Names of the columns, which may stand in any order.
    others
        Whether more columns may stand beside them.

    Returns
    -------
    columns
        Cells of each wanted column, without the spaces around them.
    lines
        Line of the file each row ends on, counted from 1.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, doubled or unknown, or a row has not as
        many cells as the header.
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        # The io room's readers are for runs; a table this small needs no more than the csv module,
        # which knows the line a row ends on even where a quoted cell spans several.
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if row:
                    rows.append([cell.strip() for cell in row])
                    lines.append(reader.line_num)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"is not a CSV file ({error})", file=path, expected="UTF-8 text"
        ) from error
    header = rows[0] if rows else []
    problems = [
        f"column '{name}' is missing or appears twice" for name in wanted if header.count(name) != 1
    ]
    if not others:
        problems += [f"column '{name}' is unknown" for name in header if name not in wanted]
    if problems:
        raise InputError(problems[0], file=path, row=1, expected=",".join(wanted))
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) != len(header):
            raise InputError(
                f"{len(row)} cells", file=path, row=line, expected=f"{len(header)}, as the header"
            )
    cells = list(zip(*rows[1:], strict=True)) if len(rows) > 1 else [()] * len(header)
    return {name: list(cells[header.index(name)]) for name in wanted}, lines[1:]


def checked_ids(
    path: str | Path, column: str, ids: Sequence[str], lines: Sequence[int]
) -> tuple[str, ...]:
    """Return the ids of the rows.

    Raises
    ------
    InputError
        If there are none, or one is empty or appears twice.
    """
    first: dict[str, int] = {}
    for name, line in zip(ids, lines, strict=True):
        if not name:
            raise InputError("no id", file=path, row=line, column=column, expected="a name")
        if name in first:
            raise InputError(
                f"run '{name}' appears twice, first in row {first[name]}",
                file=path,
                row=line,
                column=column,
                expected="each run once",
            )
        first[name] = line
    if not first:
        raise InputError("no runs", file=path, expected="a row for each run under the header")
    return tuple(first)
