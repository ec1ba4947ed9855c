"""A table whose columns are known, long or wide, to the readings that it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.stacked import MANY_RUNS
from egams.io.tables.account import Account
from egams.io.tables.cells import are_clocks, decimal_mark, is_missing, to_number, to_numbers
from egams.io.tables.cells import to_seconds as clock_seconds
from egams.io.tables.channels import channel_of
from egams.io.tables.columns import Column, Layout, layout_of
from egams.io.tables.dialect import DECIMALS, Grid
from egams.io.tables.hints import Hints
from egams.io.tables.plausible import check_signal, check_temperature, check_time
from egams.io.tables.questions import ask
from egams.io.tables.recording import Recording
from egams.io.tables.snap import in_scan_order, snapped
from egams.io.tables.units import Quantity


def recording_of(grid: Grid, hints: Hints) -> Recording:
    """Return what a table recorded.

    Parameters
    ----------
    grid
        The table.
    hints
        What the user stated.

    Raises
    ------
    InputError
        If a column cannot be decided or holds what it should not; names row and column.
    """
    clocks = clock_columns(grid)
    layout = layout_of(grid, hints, clocks)
    _check_one_run(grid, layout)
    if layout.channels:
        recording = _wide(grid, layout)
    else:
        recording = in_scan_order(_long(grid, layout, hints))
    if "temp" in layout.columns and recording.temp is None:
        note = "temperatures are below 0 degC throughout: taken as not recorded"
        recording = replace(recording, account=recording.account.noted(note))
    check_signal(recording, layout.channels or [(0.0, layout.columns["abundance"])], grid)
    return snapped(recording)


def clock_columns(grid: Grid) -> list[int]:
    """Return the places of columns that hold times of day.

    Parameters
    ----------
    grid
        The table.
    """
    some = grid.cells[:50]
    return [i for i in range(len(grid.names)) if are_clocks([row[i] for row in some])]


def numbers_of(grid: Grid, column: Column) -> FloatArray:
    """Return a column in our unit ``[row]``, NaN where it has nothing.

    Parameters
    ----------
    grid
        The table.
    column
        The column, with its unit.

    Raises
    ------
    InputError
        If a cell holds no number; names row and column.
    """
    cells = grid.column(column.index)
    if are_clocks(cells[:50]):
        values = clock_seconds(cells)
        if isinstance(values, int):
            raise _no_number(grid, column, values, "times such as 13:51:12")
        return values - values[np.flatnonzero(~np.isnan(values))[:1]]
    values = to_numbers(cells, grid.decimal)
    if isinstance(values, int):
        raise _no_number(grid, column, values, "a number")
    return column.unit.ours(values) if column.unit else values


def _no_number(grid: Grid, column: Column, row: int, expected: str) -> InputError:
    text = grid.cells[row][column.index]
    other = decimal_mark([text]) == "," and grid.decimal == "."
    return InputError(
        f"holds the text {text[:40]!r}",
        file=grid.file,
        row=grid.lines[row],
        column=column.header,
        expected=expected,
        hint="Write all numbers with the same decimal mark." if other else None,
    )


def account_of(grid: Grid, kind: str, layout: Layout) -> Account:
    """Return how a table was read.

    Parameters
    ----------
    grid
        The table.
    kind
        Long or wide.
    layout
        What its columns are.
    """
    ours = {"time": "s", "temp": "degC", "m/z": "", "abundance": ""}

    def words(role: str, column: Column) -> str:
        unit = column.unit.name if column.unit else ours.get(role, "")
        given = "" if column.unit or not unit else ", assumed"
        hand = ", by hand" if column.by_hand else ""
        return f"{role} [{unit}{given}]{hand}" if unit else f"{role}{hand}"

    columns = [(c.header, words(role, c)) for role, c in layout.columns.items()]
    columns += [(c.header, words(f"m/z {mz:g}", c)) for mz, c in layout.channels]
    notes = [f"read as a {kind}: " + "; ".join(f"'{h}' is {w}" for h, w in columns[:6])]
    if len(columns) > 6:
        notes[0] += f"; and {len(columns) - 6} more m/z"
    if layout.unused:
        notes.append(f"columns not used: {', '.join(layout.unused[:12])}")
    if grid.left_out:
        notes.append(f"{grid.left_out} lines below the table left out")
    return Account(
        kind,
        {
            "separator": grid.separator,
            "decimal mark": DECIMALS[grid.decimal],
            "header": f"line {grid.header_line}",
        },
        tuple(columns),
        tuple(layout.unused),
        (*notes, *layout.notes),
    )


def _long(grid: Grid, layout: Layout, hints: Hints) -> Recording:
    columns = layout.columns
    if "time" not in columns:
        raise ask("no column of time recognised", grid, None, "time=HEADER [s]")
    time, temp = _time_and_temp(grid, columns)
    return Recording(
        time=time,
        temp=temp,
        mz=_masses(grid, columns["m/z"], hints),
        abundance=numbers_of(grid, columns["abundance"]),
        unit=columns["abundance"].kind,
        file=grid.file,
        line=grid.lines.__getitem__,
        account=account_of(grid, "long table", layout),
        time_known=_time_known(grid, columns),
        clock=first_clock(grid, columns.get("time")),
        headers={role: column.header for role, column in columns.items()},
    )


def _wide(grid: Grid, layout: Layout) -> Recording:
    columns, channels = layout.columns, layout.channels
    time, temp = _time_and_temp(grid, columns)
    signals = np.stack([numbers_of(grid, column) for _, column in channels], axis=1)
    rows, width = signals.shape
    account = account_of(grid, "wide table", layout)
    if time is None:
        account = account.noted("no column of time: scans are in the order of the rows")
    return Recording(
        time=None if time is None else np.repeat(time, width),
        temp=None if temp is None else np.repeat(temp, width),
        mz=np.tile([mz for mz, _ in channels], rows).astype(float),
        abundance=signals.ravel(),
        unit=channels[0][1].kind,
        file=grid.file,
        line=lambda i: grid.lines[i // width],
        account=account,
        time_known=_time_known(grid, columns),
        clock=first_clock(grid, columns.get("time")),
        headers={role: column.header for role, column in columns.items()},
    )


def _time_and_temp(
    grid: Grid, columns: dict[Quantity, Column]
) -> tuple[FloatArray | None, FloatArray | None]:
    time = numbers_of(grid, columns["time"]) if "time" in columns else None
    temp = numbers_of(grid, columns["temp"]) if "temp" in columns else None
    if temp is not None and _none_recorded(temp, columns["temp"]):
        temp = None
    if temp is not None:
        check_temperature(temp, columns["temp"], grid)
    if time is not None and temp is not None and not _time_known(grid, columns):
        check_time(time, temp, columns["time"], grid)
    return time, temp


def _none_recorded(temp: FloatArray, column: Column) -> bool:
    """Whether all are below 0 degC, as SAM's where no temperature of the oven was recorded."""
    held = temp[np.isfinite(temp)]
    kelvin = column.unit is not None and column.unit.name == "K"
    return held.size > 0 and float(held.max()) < 0 and not kelvin


def _time_known(grid: Grid, columns: dict[Quantity, Column]) -> bool:
    column = columns.get("time")
    return column is not None and (
        column.unit is not None or are_clocks(grid.column(column.index)[:50])
    )


def first_clock(grid: Grid, column: Column | None) -> float | None:
    """Return the time of day of the first row, s, where a column holds such times.

    Parameters
    ----------
    grid
        The table.
    column
        Its column of time.
    """
    cells = [] if column is None else grid.column(column.index)
    seconds = clock_seconds(cells) if are_clocks(cells[:50]) else 0
    return None if isinstance(seconds, int) else float(seconds[0])


def _masses(grid: Grid, column: Column, hints: Hints) -> FloatArray:
    """Return m/z ``[row]``, of cells such as ``18``, ``18 amu`` or ``Water``."""
    cells = grid.column(column.index)
    values = to_numbers(cells, grid.decimal)
    if not isinstance(values, int):
        return values
    known = {name: hints.channels.get(name) or _mass(name, grid) for name in set(cells)}
    bad = next((row for row, cell in enumerate(cells) if known[cell] is None), None)
    if bad is not None and not is_missing(cells[bad]):
        if sum(value is not None for value in known.values()) > len(known) / 2:
            raise _no_number(grid, column, bad, "an m/z")
        raise ask(
            f"no m/z is known for '{cells[bad][:40]}'", grid, column.header, f"{cells[bad]}=18"
        )
    return np.array([np.nan if known[cell] is None else known[cell] for cell in cells], dtype=float)


def _mass(cell: str, grid: Grid) -> float | None:
    number = to_number(cell, grid.decimal)
    if number is not None:
        return number
    channel = channel_of(cell)
    return channel.mz if channel else None


def _check_one_run(grid: Grid, layout: Layout) -> None:
    if layout.run is None:
        return
    runs = list(dict.fromkeys(grid.column(layout.run)))
    if len(runs) > 1:
        raise InputError(
            f"holds {len(runs)} runs ({runs[0]}, {runs[1]}, ...)",
            file=grid.file,
            column=grid.names[layout.run],
            expected="one run in a file",
            hint=MANY_RUNS,
        )
