"""Excel workbooks: the cells of their sheets, as text."""

from __future__ import annotations

import datetime
import io
import zipfile
import zlib

from egams.errors import InputError
from egams.extras import load
from egams.io.blob import check_size
from egams.io.tables.dialect import Rows

XLSX = b"PK\x03\x04"
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,  # a password
    ValueError,
)


def sheets_of(data: bytes, file: str, only: str | None = None) -> dict[str, Rows]:
    """Return the cells of each sheet that holds any, by the name of the sheet, in their order.

    Parameters
    ----------
    data
        An ``.xlsx`` file.
    file
        What to call it in messages.
    only
        The one sheet to read; None reads all.

    Raises
    ------
    InputError
        If it is damaged or holds nothing.
    ConfigError
        If what reads workbooks is not installed.
    """
    calamine = load("python_calamine")
    _check_whole(data, file)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        cells = {
            sheet.name: book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            for sheet in book.sheets_metadata
            if only in (None, sheet.name)
            and sheet.typ == calamine.SheetTypeEnum.WorkSheet  # a chart of its own has no cells
        }
    except (calamine.CalamineError, ValueError, OSError) as error:
        raise _damaged(file, error) from error
    sheets = {name: [[_text(cell) for cell in row] for row in rows] for name, rows in cells.items()}
    held = {name: rows for name, rows in sheets.items() if any(map(any, rows))}
    if not held:
        raise InputError("every sheet is empty", file=file, expected="a table in one of them")
    return held


def rows_of_workbook(data: bytes, file: str, sheet: str | None = None) -> tuple[Rows, str]:
    """Return the cells of a sheet, and its name; errors as `sheets_of`.

    Parameters
    ----------
    data
        An ``.xlsx`` file.
    file
        What to call it in messages.
    sheet
        Which; None takes the one with most cells.
    """
    sheets = sheets_of(data, file, sheet)
    name = max(sheets, key=lambda each: sum(len(row) for row in sheets[each]))
    return sheets[name], name


def _check_whole(data: bytes, file: str) -> None:
    """Compare checksums first: a library in another language is handed whole files only."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            if not any(info.filename.startswith("xl/") for info in book.infolist()):
                hint = "Rename it to end in .zip."
                raise InputError("holds a zip archive, not a workbook", file=file, hint=hint)
            check_size(file, sum(info.file_size for info in book.infolist()), len(data))
            bad = book.testzip()
    except _UNREADABLE as error:
        raise _damaged(file, error) from error
    if bad:
        raise _damaged(file, ValueError(f"the checksum of {bad} does not fit"))


def _damaged(file: str, error: Exception) -> InputError:
    return InputError(
        f"cannot be read as an Excel workbook: it is cut off or damaged ({error})",
        file=file,
        hint="Copy or save it again.",
    )


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    return str(cell).strip()
