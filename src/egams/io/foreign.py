"""Bytes of a file of any layout to what it recorded."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from egams.io.readers import Reader, registered_readers
from egams.io.tables.account import Account
from egams.io.tables.hints import Hints
from egams.io.tables.kelvin import kelvin_notes
from egams.io.tables.recording import Curve, Recording
from egams.io.tables.temperature import Ramp, joined
from egams.io.text import HEAD
from egams.run_csv import COLUMNS


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
        Temperature of the sample, where the files have none.
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

    def recording(
        self, data: bytes, file: str, path: Path | None = None, sheet: str | None = None
    ) -> Recording:
        """Return what a file recorded.

        Parameters
        ----------
        data
            The bytes of the file, unpacked.
        file
            What to call it in messages.
        path
            Where it lies, if it is a file of its own: a label may lie beside it.
        sheet
            Which one of a workbook; None where it has one table.

        Raises
        ------
        InputError
            As `read_recording`.
        """
        if not self.stated and is_challenge_csv(data[:HEAD]):
            found = _challenge_recording(data, file)
        else:
            # Here: the challenge's layout needs none of the other formats.
            from egams.io.formats import read_recording
            from egams.io.vendors.pds import label_of

            label = label_of(path) if path else None
            found = read_recording(data, file, self.stated or self.beside, label, self.own, sheet)
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
