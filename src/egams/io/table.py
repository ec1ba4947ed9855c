"""Long table to `Run`: rows of (time, temp, m/z, abundance) become scans x m/z. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.errors import InputError
from egams.families import Instrument
from egams.io.stacked import DIFFERENT, SAME, refuse_stacked
from egams.memory import CELL, refuse_beyond
from egams.run import Run
from egams.run_csv import COLUMNS

MZ_DECIMALS = 3
MANY_CELLS, MOST_EMPTY = 2**22, 32
"""Where so many cells are so many times the readings, m/z do not recur from scan to scan."""

_RANGES = {
    "time": (-np.inf, np.inf, "seconds"),
    "temp": (-273.15, 1e4, "degC from -273.15 to 10000"),
    "m/z": (0.0, 1e5, "m/z from 0 to 100000"),
}


@dataclass(frozen=True)
class LongTable:
    """One run as a file has it, one entry per row.

    Parameters
    ----------
    time, temp, mz, abundance
        Columns in file order, s, degC, 1, `unit` ``[row]``; NaN where the file has nothing.
    file
        What to call the file in messages.
    line
        Row number, as the reader of the file would count it, of the i-th entry.
    headers
        What the file calls a column, where it is not ``time``, ``temp``, ``m/z``, ``abundance``.
    unit
        Unit of the abundance; empty where the file does not state it.
    """

    time: FloatArray
    temp: FloatArray
    mz: FloatArray
    abundance: FloatArray
    file: str
    line: Callable[[int], int]
    headers: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""


def run_from_readings(
    readings: LongTable,
    run_id: str,
    *,
    instrument: Instrument | None = None,
    labels: NDArray[np.float32] | None = None,
) -> Run:
    """Make a run of a long table.

    A scan is a stretch of rows whose m/z strictly ascend, rows in file order. m/z are rounded to
    three decimals, so that 35.8 and the float32 35.79999 are one column. A NaN abundance is a
    reading that was not taken. Temperature and time are ``[scan]`` if they are constant
    within each scan and ``[scan, m/z]`` otherwise.

    Parameters
    ----------
    readings
        The table.
    run_id
        Name of the run.
    instrument
        Kind of instrument; None lets `Run` infer it.
    labels
        0 or 1 per family ``[family]``.

    Raises
    ------
    InputError
        If a time, temperature or m/z is missing, not finite or out of range, an abundance is
        infinite, a reading is repeated, several runs stand one below the other, or fewer than two
        scans are found.
    """
    notes: list[str] = []
    _check_values(readings)
    refuse_stacked(readings)
    rows = replace(readings, mz=np.round(readings.mz, MZ_DECIMALS))
    if _grouped_by_mz(rows):
        rows = _take(rows, np.lexsort((rows.mz, rows.time)))
        notes.append("rows were grouped by m/z: put in order of time")
    scan = np.concatenate(([0], np.cumsum(np.diff(rows.mz) <= 0)))
    measured = ~np.isnan(rows.abundance)
    if not measured.all():
        rows, scan = _take(rows, np.flatnonzero(measured)), scan[measured]
        scan = np.unique(scan, return_inverse=True)[1]
        notes.append(f"{np.count_nonzero(~measured)} rows without abundance: not measured")
    scans = int(scan[-1]) + 1 if scan.size else 0
    if scans < 2:
        raise InputError(
            "holds one scan only" if scans else "holds no abundance at all",
            file=rows.file,
            expected="at least two scans: m/z that start again while the sample is heated",
        )
    first = np.searchsorted(scan, np.arange(scans))
    _check_twice(rows, first)
    axis = np.unique(rows.mz)
    _refuse_beyond_memory(scans, axis.size, len(rows.mz), rows.file)
    mz = np.searchsorted(axis, rows.mz)

    def matrix(values: FloatArray) -> FloatArray:
        out = np.full((scans, axis.size), np.nan)
        out[scan, mz] = values
        return out

    def per_scan_or_reading(values: FloatArray) -> FloatArray:
        at_first = values[first]
        return at_first if np.array_equal(at_first[scan], values) else matrix(values)

    return Run(
        run_id=run_id,
        temperature=per_scan_or_reading(rows.temp),
        mz=axis,
        abundance=matrix(rows.abundance),
        time=per_scan_or_reading(rows.time),
        instrument=cast("Instrument", instrument),
        labels=labels,
        notes=tuple(notes),
        unit=readings.unit,
    )


def _refuse_beyond_memory(scans: int, axis: int, readings: int, file: str) -> None:
    cells, hint = (
        scans * axis,
        "Are m/z measured to more decimals than a quadrupole resolves? Round.",
    )
    what = f"{scans} scans of {axis} different m/z"
    refuse_beyond(cells * CELL, what, file, hint)
    if cells > max(MANY_CELLS, MOST_EMPTY * readings):
        raise InputError(
            f"{what} hold {readings} readings: most memory would be empty", file=file, hint=hint
        )


def _check_values(rows: LongTable) -> None:
    columns = dict(zip(COLUMNS, (rows.time, rows.temp, rows.mz), strict=False))
    for column, values in columns.items():
        low, high, expected = _RANGES[column]
        _refuse(rows, column, np.isnan(values), "holds nothing or NaN", expected)
        _refuse(rows, column, np.isinf(values), "is infinite", expected)
        outside = (values < low) | (values > high)
        _refuse(rows, column, outside, "holds a value that cannot be", expected)
    infinite = np.isinf(rows.abundance)
    _refuse(rows, "abundance", infinite, "is infinite", "a finite number, or nothing")


def _refuse(rows: LongTable, column: str, bad: BoolArray, problem: str, expected: str) -> None:
    if bad.any():
        line = rows.line(int(np.argmax(bad)))
        header = rows.headers.get(column, column)
        raise InputError(problem, file=rows.file, row=line, column=header, expected=expected)


def _grouped_by_mz(rows: LongTable) -> bool:
    """Whether rows are grouped by m/z, as melting a wide table leaves them."""
    changes = np.diff(rows.mz) != 0
    back = np.diff(rows.time) < 0
    return bool(changes.any() and not changes.all() and back[changes].all())


def _take(rows: LongTable, index: IntArray) -> LongTable:
    return replace(
        rows,
        time=rows.time[index],
        temp=rows.temp[index],
        mz=rows.mz[index],
        abundance=rows.abundance[index],
        line=lambda i: rows.line(int(index[i])),
    )


def _check_twice(rows: LongTable, first: IntArray) -> None:
    """Refuse an m/z that is read twice at one time; within a scan that cannot happen."""
    starts = np.minimum.reduceat(rows.time, first)
    ends = np.maximum.reduceat(rows.time, first)
    if (ends[:-1] < starts[1:]).all():
        return
    order = np.lexsort((rows.mz, rows.time))
    same = (np.diff(rows.time[order]) == 0) & (np.diff(rows.mz[order]) == 0)
    if not same.any():
        return
    i, earlier = min(zip(order[1:][same].tolist(), order[:-1][same].tolist(), strict=True))
    raise InputError(
        f"a second reading of m/z {rows.mz[i]:g} at {rows.time[i]:g} s"
        f" (the first is in row {rows.line(earlier)})",
        file=rows.file,
        row=rows.line(i),
        column=rows.headers.get("m/z", "m/z"),
        expected="each m/z once at any time",
        hint=SAME if rows.abundance[i] == rows.abundance[earlier] else DIFFERENT,
    )
