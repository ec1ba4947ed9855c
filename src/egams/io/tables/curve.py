"""A file with a curve of temperature over time: a thermobalance's, or a logger's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egams.errors import InputError
from egams.io.blob import FileBlob, input_errors
from egams.io.tables.assemble import clock_columns, first_clock, numbers_of
from egams.io.tables.columns import curve_columns
from egams.io.tables.open_table import grid_of
from egams.io.tables.plausible import check_temperature
from egams.io.tables.recording import Curve
from egams.io.tables.workbook import XLSX
from egams.io.vendors.mettler import is_mettler, mettler_curve

LEAVE = "Leave one column of time and one of temperature in that file, with units."


def read_curve(path: str | Path) -> Curve:
    """Read a curve of temperature over time.

    Parameters
    ----------
    path
        A table in any dialect with a column of time and one of temperature, or a Mettler STARe
        curve.

    Raises
    ------
    InputError
        If there is no such file, or it holds no such curve.
    """
    file = Path(path)
    with input_errors(str(file)):
        found = file.exists()
    if not found:
        raise InputError("there is no such file", file=file, expected="a curve of temperature")
    blob = FileBlob(file)
    data = blob.read()
    curve = mettler_curve(data, blob.name) if is_mettler(data) else _curve_of(data, blob.name)
    held = np.isfinite(curve.time) & np.isfinite(curve.temp)
    time, temp = curve.time[held], curve.temp[held]
    if time.size < 2 or (np.diff(time) < 0).any():
        raise InputError(
            "its times do not ascend" if time.size > 1 else "holds fewer than two points",
            file=file,
            expected="a curve of temperature over time",
        )
    name = curve.name.replace(str(file), file.name)
    return Curve(time - time[0], temp, name, curve.stamps, curve.clock)


def _curve_of(data: bytes, file: str) -> Curve:
    grid, encoding = grid_of(data, file)
    try:
        columns = curve_columns(grid, clock_columns(grid))
        time, temp = numbers_of(grid, columns["time"]), numbers_of(grid, columns["temp"])
        check_temperature(temp, columns["temp"], grid)
    except InputError as error:
        raise InputError(
            error.problem,
            file=file,
            row=error.row,
            column=error.column,
            expected=error.expected,
            hint=LEAVE,
        ) from error
    clock = first_clock(grid, columns["time"])
    if columns["time"].unit is None and clock is None:
        raise InputError("has no unit", file=file, column=columns["time"].header, hint=LEAVE)
    name = f"{file} ({encoding})" if data.startswith(XLSX) else file
    return Curve(time, temp, name, clock=clock)
