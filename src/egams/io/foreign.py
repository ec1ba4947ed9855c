"""Bytes of a file of any layout to what it recorded."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from egams.errors import InputError
from egams.io.readers import Reader, packaged_readers, registered_readers, text_reader
from egams.io.tables.account import Account
from egams.io.tables.assemble import recording_of
from egams.io.tables.hints import Hints
from egams.io.tables.open_table import grid_of
from egams.io.tables.plausible import kelvin_notes
from egams.io.tables.recording import Curve, Recording
from egams.io.tables.temperature import Ramp, joined
from egams.io.tables.workbook import XLSX
from egams.io.text import HEAD, refuse_packed
from egams.io.vendors.andi import is_andi, read_andi
from egams.io.vendors.mettler import is_mettler
from egams.io.vendors.mzml import is_mzml, read_mzml
from egams.io.vendors.pds import grid_of_label, label_of
from egams.io.vendors.quadera import is_quadera, read_quadera
from egams.io.vendors.quadstar import is_quadstar, read_quadstar
from egams.io.vendors.srs import is_srs, read_srs
from egams.run_csv import COLUMNS

READERS = (
    Reader("ANDI", is_andi, read_andi),
    Reader("mzML", is_mzml, read_mzml),
    text_reader("Pfeiffer Quadera", is_quadera, read_quadera),
    text_reader("QuadStar", is_quadstar, read_quadstar),
    text_reader("SRS RGA", is_srs, read_srs),
)
"""Formats that are no plain tables."""


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
    own
        Readers that were registered where the files were opened; worker processes have them too.
    """

    stated: Hints = field(default_factory=Hints)
    beside: Hints = field(default_factory=Hints)
    temperature: Curve | Ramp | None = None
    offset: float | None = None
    own: tuple[Reader, ...] = field(default_factory=registered_readers)

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
            found = read_recording(data, file, self.stated or self.beside, label, self.own)
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
    data: bytes,
    file: str,
    hints: Hints,
    label: tuple[Path, str] | None = None,
    own: Sequence[Reader] = (),
) -> Recording:
    """Return what a file recorded, whichever format it has.

    Parameters
    ----------
    data
        The bytes of the file, unpacked.
    file
        What to call the file in messages.
    hints
        What the user stated about its columns.
    label
        Path and text of the label that describes the table, if one does.
    own
        Readers of the user's own; they go before those of egams and of installed packages.

    Raises
    ------
    InputError
        If it cannot be read, or something in it has to be asked.
    """
    if label:
        refuse_packed(data, file)
        grid = grid_of_label(data, file, label, PurePath(file).name, hints)
        return recording_of(grid, hints).with_dialect(encoding=f"columns by {label[0].name}")
    for reader in (*own, *packaged_readers(), *READERS):
        if reader.recognises(data[:HEAD]):
            return reader.read(data, file, hints)
    if is_mettler(data):
        raise InputError(
            "holds a curve of temperature and no m/z",
            file=file,
            hint="Read it beside a run: --temperature FILE.",
        )
    if not data.startswith(XLSX):
        refuse_packed(data, file)
    grid, encoding = grid_of(data, file, hints)
    return recording_of(grid, hints).with_dialect(encoding=encoding)
