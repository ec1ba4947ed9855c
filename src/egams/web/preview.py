"""What a person sees of a file of which something is open: its first rows, how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from egams.errors import InputError
from egams.io.csv_source import CsvSource
from egams.io.formats import READERS
from egams.io.readers import own_readers
from egams.io.sheets import sheet_of
from egams.io.tables.account import Account
from egams.io.tables.dialect import Grid
from egams.io.tables.glance import glances
from egams.io.tables.hints import Hints
from egams.io.tables.open_table import grid_of
from egams.io.text import HEAD
from egams.library.files import shown_as
from egams.library.library import Library
from egams.library.records import Work
from egams.plain import plain_text

ROWS, COLUMNS, CHARACTERS = 12, 200, 60


def preview(library: Library, work: Work) -> dict[str, Any]:
    """Return the beginning of a file, what its columns look like, and what is asked.

    Parameters
    ----------
    library
        Where the file is.
    work
        That reads it.

    Raises
    ------
    InputError
        If there is no file, or it cannot be opened.
    """
    result = work.result if isinstance(work.result, dict) else {}
    opened = library.opened(work)
    grid, account = None, Account("")
    if isinstance(opened.source, CsvSource):
        run_id = opened.source.ids[0]
        account = _account(opened.source, run_id)
        with shown_as(opened.path, opened.name):
            blob = opened.source.find(run_id)
            grid = _grid(blob.read(), opened.source.reading.stated, sheet_of(blob))
    return {
        "name": work.name,
        "question": question(result.get("error"), work.reason),
        "needs": result.get("needs", []),
        "reading": work.settings.get("reading", {}),
        "dialect": {"format": account.format, **account.dialect} if account.format else {},
        "account": [
            *(f"'{plain_text(header)}' is {role}" for header, role in account.columns),
            *(f"'{plain_text(header)}' is not used" for header in account.unused),
            *map(plain_text, account.notes),
        ],
        **_table(grid),
    }


def question(error: Mapping[str, Any] | None, reason: str) -> str:
    """Return what is asked, in words for the page: options of the command line left out.

    Parameters
    ----------
    error
        As `egams.web.answers.error_details` has it.
    reason
        The same as the command line has it.
    """
    if error is None:
        return reason
    column = f"column '{error['column']}': " if error["column"] else ""
    asked = plain_text(f"{column}{error['problem']}")
    if "--offset" in (error["hint"] or ""):
        asked += f". {error['hint'].replace('--offset', 'its start, in seconds,')}"
    return asked


def _table(grid: Grid | None) -> dict[str, Any]:
    if grid is None:
        return {"header": [], "columns": [], "rows": []}
    columns = glances(grid)[:COLUMNS]
    return {
        "header": [_cell(each.header) for each in columns],
        "columns": [
            {**asdict(each), "name": each.header, "example": _cell(each.example)}
            for each in columns
        ],
        "rows": [list(map(_cell, row[:COLUMNS])) for row in grid.cells[:ROWS]],
    }


def _grid(data: bytes, stated: Hints, sheet: str | None) -> Grid | None:
    """Return the table of a file that is one; None for files of instruments' programs."""
    if any(reader.recognises(data[:HEAD]) for reader in (*own_readers(), *READERS)):
        return None
    try:
        return grid_of(data, "file", stated, sheet)[0]
    except InputError:
        pass
    try:  # the decimal mark may be what is asked: any will do to look at the table
        anyhow = Hints(separator=stated.separator, decimal=".")
        return grid_of(data, "file", anyhow, sheet)[0]
    except InputError:
        return None


def _account(source: CsvSource, run_id: str) -> Account:
    try:
        return source.recording(run_id).account
    except InputError:
        return Account("")


def _cell(text: str) -> str:
    plain = plain_text(text)
    return plain if len(plain) <= CHARACTERS else f"{plain[: CHARACTERS - 3]}..."
