"""Sheets of workbooks as runs: a workbook that holds several tables of readings holds several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egams.errors import ConfigError, InputError
from egams.io.annotations import Record
from egams.io.blob import Blob
from egams.io.readers import own_readers
from egams.io.tables.hints import Hints
from egams.io.text import HEAD
from egams.plain import plain_text

SUFFIXES = (".xlsx", ".xlsx.gz")


@dataclass(frozen=True)
class SheetBlob:
    """A sheet of a workbook of several: the bytes are those of the whole workbook.

    Parameters
    ----------
    book
        The workbook.
    sheet
        Name of the sheet.
    note
        What a run of it is to say of the other sheets; empty if nothing.
    """

    book: Blob
    sheet: str
    note: str = ""

    @property
    def name(self) -> str:
        """Path of the workbook and, behind it, the sheet."""
        return f"{self.book.name}/{plain_text(self.sheet)}"

    def read(self) -> bytes:
        """Return the bytes of the workbook."""
        return self.book.read()

    def fingerprint(self) -> str:
        """Return that of the workbook, and the sheet."""
        return f"{self.book.fingerprint()}-{self.sheet}"


def sheet_of(blob: Blob) -> str | None:
    """Return the sheet that a run is in; None where a file holds one table.

    Parameters
    ----------
    blob
        Of the run.
    """
    return blob.sheet if isinstance(blob, SheetBlob) else None


def file_of(blob: Blob) -> Blob:
    """Return the file that a run is in.

    Parameters
    ----------
    blob
        Of the run.
    """
    return blob.book if isinstance(blob, SheetBlob) else blob


def with_sheets(blobs: Mapping[str, Blob], hints: Hints) -> dict[str, Blob]:
    """Return blobs by run id, a run for each sheet of a workbook that holds a table of readings.

    Where several do, the run id is followed by the sheet: ``days/Monday``. Other sheets are named
    in a note. A workbook in which no sheet does stays one run, as one that cannot be read:
    loading it says why.

    Parameters
    ----------
    blobs
        Files by run id.
    hints
        What the user stated about columns.
    """
    found: dict[str, Blob] = {}
    for run_id, blob in blobs.items():
        found |= _runs_in(run_id, blob, hints) if _is_workbook(blob.name) else {run_id: blob}
    return found


def records_with_sheets(
    records: Mapping[str, Record], blobs: Mapping[str, Blob]
) -> dict[str, Record]:
    """Return records by run id; what is known of a workbook counts for each of its sheets.

    Parameters
    ----------
    records
        Rows of the metadata.
    blobs
        Runs by id.
    """
    known = dict(records)
    for run_id, blob in blobs.items():
        book = run_id.removesuffix(f"/{plain_text(sheet_of(blob) or '')}")
        if book in records:
            known.setdefault(run_id, records[book])
    return known


def _is_workbook(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _runs_in(run_id: str, blob: Blob, hints: Hints) -> dict[str, Blob]:
    from egams.io.tables.open_table import sheets_with_readings

    try:
        data = blob.read()
        if any(reader.recognises(data[:HEAD]) for reader in own_readers()):
            return {run_id: blob}
        tables, others = sheets_with_readings(data, blob.name, hints)
    except (InputError, ConfigError):  # loading the run says so
        return {run_id: blob}
    if len(tables) + len(others) < 2:
        return {run_id: blob}
    unread = f"not read, as no tables of readings: {_quoted(others)}"
    if len(tables) == 1:
        return {run_id: SheetBlob(blob, tables[0], f"from sheet {_quoted(tables)}; {unread}")}
    note = f"other sheets of the workbook {unread}" if others else ""
    return {f"{run_id}/{plain_text(sheet)}": SheetBlob(blob, sheet, note) for sheet in tables} or {
        run_id: blob
    }


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{plain_text(name)}'" for name in names)
