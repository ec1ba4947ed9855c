"""Bytes of a file of any layout to what it recorded."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from egams.errors import InputError
from egams.io.tables.account import Account
from egams.io.tables.assemble import recording_of
from egams.io.tables.decode import decode
from egams.io.tables.hints import Hints
from egams.io.tables.open_table import grid_of
from egams.io.tables.plausible import kelvin_notes
from egams.io.tables.recording import Curve, Recording
from egams.io.tables.temperature import Ramp, joined
from egams.io.tables.workbook import XLSX
from egams.io.text import HEAD, refuse_packed
from egams.io.vendors.andi import MAGIC as ANDI
from egams.io.vendors.andi import read_andi
from egams.io.vendors.mettler import is_mettler
from egams.io.vendors.mzml import is_mzml, read_mzml
from egams.io.vendors.pds import grid_of_label, label_of
from egams.io.vendors.quadera import is_quadera, read_quadera
from egams.io.vendors.quadstar import is_quadstar, read_quadstar
from egams.io.vendors.srs import is_srs, read_srs
from egams.run_csv import COLUMNS

FORMATS: tuple[tuple[Callable[[str], bool], Callable[[str, str, Hints], Recording]], ...] = (
    (is_quadera, read_quadera),
    (is_quadstar, read_quadstar),
    (is_srs, read_srs),
)
"""Text that is no plain table: how it is recognised by its first characters, and read."""


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
    temperature
        Temperature of the sample, where the files have none or another counts.
    offset
        Seconds from the start of a recording to that of the curve or program.
    """

    stated: Hints = field(default_factory=Hints)
    beside: Hints = field(default_factory=Hints)
    temperature: Curve | Ramp | None = None
    offset: float | None = None

    def recording(self, data: bytes, file: str, path: Path | None = None) -> Recording:
        """Return what a file recorded.

        Parameters
        ----------
        data
            The bytes of the file, unpacked.
        file
            What to call it in messages.
        path
            Where it lies, if it is a file of its own: a label may lie beside it.

        Raises
        ------
        InputError
            As `read_recording`.
        """
        if not self.stated and is_challenge_csv(data[:HEAD]):
            found = _challenge_recording(data, file)
        else:
            label = label_of(path) if path else None
            found = read_recording(data, file, self.stated or self.beside, label)
        if self.temperature is None:
            return found
        return joined(found, self.temperature, self.offset)

    def fingerprint(self) -> tuple[str, ...]:
        """Return what changes with what was stated, nothing if nothing was."""
        stated = [repr(part) for part in (self.stated, self.beside) if part]
        if self.temperature is not None:
            points = repr(self.temperature).encode()
            if isinstance(self.temperature, Curve):
                points = self.temperature.time.tobytes() + self.temperature.temp.tobytes()
            stated += [hashlib.sha256(points).hexdigest(), repr(self.offset)]
        if not stated:
            return ()
        return (hashlib.sha256(" ".join(stated).encode()).hexdigest()[:16],)


def _challenge_recording(data: bytes, file: str) -> Recording:
    from egams.io.csv_text import readings_from_csv

    rows = readings_from_csv(data, file)
    account = Account("the challenge's layout", notes=kelvin_notes(float(rows.temp[0])))
    return Recording(rows.time, rows.temp, rows.mz, rows.abundance, file, rows.line, account)


def read_recording(
    data: bytes, file: str, hints: Hints, label: tuple[Path, str] | None = None
) -> Recording:
    """Return what a file recorded, whichever format it has.

    Parameters
    ----------
    data
        The bytes of the file, unpacked.
    file
        What to call it in messages.
    hints
        What the user stated about its columns.
    label
        Path and text of the label that describes the table, if one does.

    Raises
    ------
    InputError
        If it cannot be read, or something in it has to be asked.
    """
    if data.startswith(ANDI):
        return read_andi(data, file)
    if is_mzml(data):
        return read_mzml(data, file)
    if not data.startswith(XLSX):
        refuse_packed(data, file)
    if label:
        grid = grid_of_label(data, file, label, PurePath(file).name, hints)
        return _with_dialect(recording_of(grid, hints), f"columns by {label[0].name}")
    if is_mettler(data):
        raise InputError(
            "holds a curve of temperature and no m/z",
            file=file,
            hint="Read it beside a run: --temperature FILE.",
        )
    if not data.startswith(XLSX):
        text, encoding = decode(data, file)
        for recognised, read in FORMATS:
            if recognised(text[:HEAD]):
                return _with_dialect(read(text, file, hints), encoding)
    grid, encoding = grid_of(data, file, hints)
    return _with_dialect(recording_of(grid, hints), encoding)


def _with_dialect(recording: Recording, encoding: str) -> Recording:
    account = recording.account
    dialect = {"encoding": encoding, **account.dialect}
    return replace(recording, account=replace(account, dialect=dialect))
