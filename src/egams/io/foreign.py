"""Bytes of a file of any layout to what it recorded."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, field, replace

from egams.errors import InputError
from egams.io.tables.account import Account
from egams.io.tables.assemble import recording_of
from egams.io.tables.decode import decode
from egams.io.tables.dialect import Grid, grid_of_rows, grid_of_text
from egams.io.tables.hints import Hints
from egams.io.tables.plausible import kelvin_notes
from egams.io.tables.recording import Recording
from egams.io.tables.workbook import XLSX, rows_of_workbook
from egams.io.text import HEAD, refuse_packed
from egams.run_csv import COLUMNS

MAX_TEXT = 64 * 2**20
"""Most bytes of a table whose dialect has to be found; the challenge's layout may be longer."""


def is_challenge_csv(head: bytes) -> bool:
    """Whether a file begins with the header of the challenge's own layout.

    Parameters
    ----------
    head
        Its first bytes.
    """
    try:
        line = re.split(rb"[\r\n]", head, maxsplit=1)[0].decode("utf-8-sig")
        names = {name.strip() for name in next(csv.reader([line]), [])}
    except (UnicodeDecodeError, csv.Error):
        return False
    return names.issuperset(COLUMNS)


@dataclass(frozen=True)
class Reading:
    """What a user stated about files of other layouts than the challenge's.

    Parameters
    ----------
    stated
        By ``--columns``; applies to every file.
    beside
        By ``egams-columns.yaml`` beside the files; does not apply to the challenge's own layout.
    """

    stated: Hints = field(default_factory=Hints)
    beside: Hints = field(default_factory=Hints)

    def recording(self, data: bytes, file: str) -> Recording:
        """Return what a file recorded.

        Parameters
        ----------
        data
            The bytes of the file, unpacked.
        file
            What to call it in messages.

        Raises
        ------
        InputError
            As `read_recording`.
        """
        if not self.stated and is_challenge_csv(data[:HEAD]):
            return _challenge_recording(data, file)
        return read_recording(data, file, self.stated or self.beside)

    def fingerprint(self) -> tuple[str, ...]:
        """Return what changes with what was stated, nothing if nothing was."""
        if self == Reading():
            return ()
        return (hashlib.sha256(repr(self).encode()).hexdigest()[:16],)


def read_recording(data: bytes, file: str, hints: Hints) -> Recording:
    """Return what a file recorded, whichever format it has.

    Parameters
    ----------
    data
        The bytes of the file, unpacked.
    file
        What to call it in messages.
    hints
        What the user stated about its columns.

    Raises
    ------
    InputError
        If it cannot be read, or something in it has to be asked.
    """
    grid, encoding = _grid(data, file, hints)
    recording = recording_of(grid, hints)
    return _with_dialect(recording, encoding)


def _challenge_recording(data: bytes, file: str) -> Recording:
    from egams.io.csv_text import readings_from_csv

    rows = readings_from_csv(data, file)
    account = Account("the challenge's layout", notes=kelvin_notes(float(rows.temp[0])))
    return Recording(rows.time, rows.temp, rows.mz, rows.abundance, file, rows.line, account)


def _grid(data: bytes, file: str, hints: Hints) -> tuple[Grid, str]:
    if len(data) > MAX_TEXT:
        raise InputError(
            f"has more than {MAX_TEXT // 2**20} MiB and is not in the challenge's layout",
            file=file,
            expected=f"the columns {', '.join(COLUMNS)} in a run as long as that",
        )
    if data.startswith(XLSX):
        rows, sheet = rows_of_workbook(data, file)
        grid = grid_of_rows(rows, file, separator="cells", decimal=hints.decimal)
        return grid, f"Excel, sheet '{sheet}'"
    refuse_packed(data, file)
    text, encoding = decode(data, file)
    found = grid_of_text(text, file, separator=hints.separator, decimal=hints.decimal)
    return found, encoding


def _with_dialect(recording: Recording, encoding: str) -> Recording:
    account = recording.account
    dialect = {"encoding": encoding, **account.dialect}
    return replace(recording, account=replace(account, dialect=dialect))
