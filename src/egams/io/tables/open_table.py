"""Bytes of a file to the table in it: text in any encoding and dialect, or a workbook."""

from __future__ import annotations

from egams.errors import InputError
from egams.io.tables.assemble import clock_columns
from egams.io.tables.columns import layout_of
from egams.io.tables.decode import decode
from egams.io.tables.dialect import (
    A_TABLE,
    Grid,
    NoTableError,
    Rows,
    grid_of_rows,
    grid_of_text,
    is_row,
)
from egams.io.tables.hints import Hints
from egams.io.tables.workbook import XLSX, rows_of_workbook, sheets_of
from egams.io.text import refuse_packed
from egams.memory import refuse_beyond
from egams.run_csv import COLUMNS

CELLS = 20
"""Bytes that the cells of a byte of text take."""
MAX_TEXT = 64 * 2**20
"""Most bytes of a table whose dialect has to be found; the challenge's layout may be longer."""


def grid_of(
    data: bytes, file: str, hints: Hints | None = None, sheet: str | None = None
) -> tuple[Grid, str]:
    """Return the table, and the encoding in words.

    Parameters
    ----------
    data
        The bytes of the file, unpacked.
    file
        What to call it in messages.
    hints
        What the user stated about its dialect.
    sheet
        Of a workbook; None takes the one with most cells.

    Raises
    ------
    InputError
        If there is no table in it, or its dialect is open.
    """
    hints = hints or Hints()
    _refuse_large(data, file)
    if data.startswith(XLSX):
        rows, name = rows_of_workbook(data, file, sheet)
        grid = grid_of_rows(rows, file, separator="cells", decimal=hints.decimal)
        return grid, f"Excel, sheet '{name}'"
    refuse_packed(data, file)
    text, encoding = decode(data, file)
    found = grid_of_text(text, file, separator=hints.separator, decimal=hints.decimal)
    return found, encoding


def sheets_with_readings(data: bytes, file: str, hints: Hints) -> tuple[list[str], list[str]]:
    """Return the sheets of a workbook that hold a table of readings, and those that do not.

    A table is one of readings if it has ions and a time or a temperature as far as headers tell, or
    something about it has to be asked or mended. Empty sheets count for nothing.

    Parameters
    ----------
    data
        The file, unpacked.
    file
        What to call it in messages.
    hints
        What the user stated about columns.

    Raises
    ------
    InputError
        If it is no workbook that can be read.
    """
    _refuse_large(data, file)
    tables: list[str] = []
    others: list[str] = []
    for name, rows in sheets_of(data, file).items():
        (tables if _holds_readings(rows, file, hints) else others).append(name)
    return tables, others


def _holds_readings(rows: Rows, file: str, hints: Hints) -> bool:
    try:
        grid = grid_of_rows(rows, file, separator="cells", decimal=hints.decimal)
    except NoTableError:
        return False
    except InputError:
        return sum(map(is_row, rows)) >= A_TABLE
    try:
        return _is_of_readings(grid, Hints())
    except InputError as error:
        open_by_itself = not isinstance(error, NoTableError)
    try:
        return _is_of_readings(grid, hints)
    except InputError:
        return open_by_itself


def _is_of_readings(grid: Grid, hints: Hints) -> bool:
    columns = layout_of(grid, hints, clock_columns(grid)).columns
    return "time" in columns or "temp" in columns


def _refuse_large(data: bytes, file: str) -> None:
    if len(data) > MAX_TEXT:
        raise InputError(
            f"has more than {MAX_TEXT // 2**20} MiB and is not in the challenge's layout",
            file=file,
            expected=f"the columns {', '.join(COLUMNS)} in a run as long as that",
        )
    refuse_beyond(CELLS * len(data), "its cells", file)
