"""Bytes of a file to the table in it: text in any encoding and dialect, or a workbook."""

from __future__ import annotations

from egams.errors import InputError
from egams.io.tables.decode import decode
from egams.io.tables.dialect import Grid, grid_of_rows, grid_of_text
from egams.io.tables.hints import Hints
from egams.io.tables.workbook import XLSX, rows_of_workbook
from egams.io.text import refuse_packed
from egams.memory import refuse_beyond
from egams.run_csv import COLUMNS

CELLS = 20
"""Bytes that the cells of a byte of text take."""
MAX_TEXT = 64 * 2**20
"""Most bytes of a table whose dialect has to be found; the challenge's layout may be longer."""


def grid_of(data: bytes, file: str, hints: Hints | None = None) -> tuple[Grid, str]:
    """Return the table, and the encoding in words.

    Parameters
    ----------
    data
        The bytes of the file, unpacked.
    file
        What to call it in messages.
    hints
        What the user stated about its dialect.

    Raises
    ------
    InputError
        If there is no table in it, or its dialect is open.
    """
    hints = hints or Hints()
    if len(data) > MAX_TEXT:
        raise InputError(
            f"has more than {MAX_TEXT // 2**20} MiB and is not in the challenge's layout",
            file=file,
            expected=f"the columns {', '.join(COLUMNS)} in a run as long as that",
        )
    refuse_beyond(CELLS * len(data), "its cells", file)
    if data.startswith(XLSX):
        rows, sheet = rows_of_workbook(data, file)
        grid = grid_of_rows(rows, file, separator="cells", decimal=hints.decimal)
        return grid, f"Excel, sheet '{sheet}'"
    refuse_packed(data, file)
    text, encoding = decode(data, file)
    found = grid_of_text(text, file, separator=hints.separator, decimal=hints.decimal)
    return found, encoding
