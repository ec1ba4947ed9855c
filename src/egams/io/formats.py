"""All formats of files of one run but the challenge's own, and who reads each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from egams.errors import InputError
from egams.io.readers import Reader, packaged_readers, text_reader
from egams.io.tables.assemble import recording_of
from egams.io.tables.hints import Hints
from egams.io.tables.open_table import grid_of
from egams.io.tables.recording import Recording
from egams.io.tables.workbook import XLSX
from egams.io.text import HEAD, refuse_packed
from egams.io.vendors.andi import is_andi, read_andi
from egams.io.vendors.mettler import is_mettler
from egams.io.vendors.mzml import is_mzml, read_mzml
from egams.io.vendors.pds import grid_of_label
from egams.io.vendors.quadera import is_quadera, read_quadera
from egams.io.vendors.quadstar import is_quadstar, read_quadstar
from egams.io.vendors.srs import is_srs, read_srs

READERS = (
    Reader("ANDI", is_andi, read_andi),
    Reader("mzML", is_mzml, read_mzml),
    text_reader("Pfeiffer Quadera", is_quadera, read_quadera),
    text_reader("QuadStar", is_quadstar, read_quadstar),
    text_reader("SRS RGA", is_srs, read_srs),
)
"""Formats that are no plain tables."""


def read_recording(
    data: bytes,
    file: str,
    hints: Hints,
    label: tuple[Path, str] | None = None,
    own: Sequence[Reader] = (),
    sheet: str | None = None,
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
    sheet
        Which one of a workbook; None where it has one table.

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
    grid, encoding = grid_of(data, file, hints, sheet)
    return recording_of(grid, hints).with_dialect(encoding=encoding)
