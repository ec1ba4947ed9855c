"""Header and rows of a small file about runs: text with any separator, or a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from egams.errors import InputError
from egams.io.blob import FileBlob
from egams.io.tables.decode import decode
from egams.io.tables.dialect import Rows
from egams.io.tables.workbook import XLSX, sheets_of
from egams.io.text import check_names, refuse_packed

SEPARATORS = ",;\t|"
"""In order of preference where two part a header equally well."""


@dataclass(frozen=True)
class PlainRows:
    """A header, and what is under it.

    Parameters
    ----------
    names
        The columns.
    rows
        Line in the file, counted from 1, and cells of each row that is not empty.
    """

    names: list[str]
    rows: Iterator[tuple[int, list[str]]]


def plain_rows(path: Path, columns: Sequence[str]) -> PlainRows:
    """Read a file with a header.

    Parameters
    ----------
    path
        Text in any encoding, with commas, semicolons, tabs or bars between columns; or an
        ``.xlsx`` file, of which the sheet with these columns counts.
    columns
        Those that must be there; they tell separators and sheets apart.

    Raises
    ------
    InputError
        If the file cannot be read, or a column is missing or there twice; while iterating, if a
        row cannot be read.
    """
    data = FileBlob(path).read()
    if data.startswith(XLSX):
        return _of_workbook(data, path, columns)
    refuse_packed(data, str(path))
    text, _ = decode(data, str(path))
    headers = {mark: _header(text, mark, path) for mark in SEPARATORS}
    mark = max(SEPARATORS, key=lambda each: (_known(headers[each], columns), len(headers[each])))
    lines = _lines(text, mark, path)
    row, names = next(lines, (1, []))
    check_names(names, columns, str(path), row)
    return PlainRows(names, lines)


def _header(text: str, separator: str, path: Path) -> list[str]:
    try:
        return next(_lines(text, separator, path), (1, []))[1]
    except InputError:  # quotes that do not go with this separator
        return []


def _lines(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(
            f"cannot be read as a row ({error})", file=path, row=reader.line_num
        ) from error


def _of_workbook(data: bytes, path: Path, columns: Sequence[str]) -> PlainRows:
    sheets = sheets_of(data, str(path))
    name = max(sheets, key=lambda each: _known(next(_cells(sheets[each]))[1], columns))
    rows = _cells(sheets[name])
    row, names = next(rows)
    check_names(names, columns, f"{path}, sheet '{name}'", row)
    return PlainRows(names, _as_wide(rows, len(names)))


def _cells(sheet: Rows) -> Iterator[tuple[int, list[str]]]:
    """Yield line and cells of the rows that are not empty, without empty cells at their ends."""
    for line, row in enumerate(sheet, 1):
        held = [place for place, cell in enumerate(row, 1) if cell]
        if held:
            yield line, row[: held[-1]]


def _as_wide(rows: Iterable[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
    for line, row in rows:
        yield line, [*row, *[""] * (width - len(row))]


def _known(names: Sequence[str], columns: Sequence[str]) -> int:
    return len(set(names).intersection(columns))
