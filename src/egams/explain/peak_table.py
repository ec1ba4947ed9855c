"""Peaks of many runs as one CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from egams.artifact import write_text
from egams.explain.peaks import COLUMNS, Peak
from egams.plain import spreadsheet_text


def write_peaks(path: str | Path, peaks: Iterable[tuple[str, str, Peak]]) -> None:
    """Write a row a peak: ``sample_id``, the fields of `Peak`, ``unit`` and ``area_unit``.

    Numbers have four digits, since no peak is known better. ``unit`` is that of the height,
    ``area_unit`` that times degC; both are empty where the unit of the run is not known.

    Parameters
    ----------
    path
        CSV to write.
    peaks
        Name of the run, unit of its abundances, and peak.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("sample_id", *COLUMNS, "unit", "area_unit"))
    for run_id, unit, peak in peaks:
        units = (unit, f"{unit} degC" if unit else "")
        rows.writerow((spreadsheet_text(run_id), *map(_cell, astuple(peak)), *units))
    write_text(Path(path), text.getvalue())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
