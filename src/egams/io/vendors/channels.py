"""Channels of an instrument's program, each with its own times, to readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.tables.account import Account
from egams.io.tables.cells import Decimal, decimal_mark, is_missing, to_number
from egams.io.tables.channels import channel_of
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.snap import snapped
from egams.io.tables.units import Unit, signal_unit


@dataclass(frozen=True)
class ChannelColumn:
    """Where a channel is in the rows of a file.

    Parameters
    ----------
    name
        As the file calls it.
    mz
        Its m/z; None: as the user states, or as the name says.
    time, signal
        Places of its time and its signal in a row; negative: from the end.
    unit
        Unit of the signal, in words.
    """

    name: str
    mz: float | None
    time: int
    signal: int
    unit: str


def masses(
    columns: Sequence[ChannelColumn], hints: Hints, file: str, row: int
) -> tuple[list[float | None], list[str]]:
    """Return the m/z of each channel, None where it is left out, and what to note.

    Parameters
    ----------
    columns
        The channels.
    hints
        What the user stated.
    file
        What to call the file in messages.
    row
        Line that names the channels.

    Raises
    ------
    InputError
        If an m/z is not known, or two channels have the same.
    """
    found: list[float | None] = []
    by_name = []
    for column in columns:
        channel = channel_of(column.name)
        if column.name in hints.channels:
            found.append(hints.channels[column.name])
        elif column.mz is not None:
            found.append(column.mz)
        elif channel is None:
            answer = f"--columns '{column.name}=16' or '{column.name}=unused'"
            raise InputError(
                "its name states no m/z",
                file=file,
                row=row,
                column=column.name,
                hint=f"State it: {answer}.",
            )
        else:
            found.append(channel.mz)
            by_name += [f"'{column.name}' {channel.mz:g}"] if channel.how == "gas" else []
    for place, mz in enumerate(found):
        if mz is not None and mz in found[:place]:
            first, second = columns[found.index(mz)].name, columns[place].name
            raise InputError(
                f"'{first}' and '{second}' are both m/z {mz:g}",
                file=file,
                row=row,
                hint=f"State it: --columns '{second}=unused'.",
            )
    if not any(mz is not None for mz in found):
        raise InputError("no channel is left", file=file, row=row)
    return found, [f"m/z of gases by name: {', '.join(by_name)}"] if by_name else []


def recording_of_channels(
    rows: dict[int, list[str]],
    columns: Sequence[ChannelColumn],
    hints: Hints,
    file: str,
    *,
    kind: str,
    named_in: int,
    time_unit: Unit,
    clock: float | None = None,
) -> Recording:
    """Return the readings of channels.

    A reading of which time and signal are both missing was not taken; so a row that is cut short
    ends with its last whole reading.

    Parameters
    ----------
    rows
        Cells of each row, by its line in the file.
    columns
        The channels.
    hints
        What the user stated.
    file
        What to call the file in messages.
    kind
        The format.
    named_in
        Line that names the channels.
    time_unit
        Unit of times.
    clock
        Time of day at which time is 0.

    Raises
    ------
    InputError
        If a cell holds no number, a signal has no time, or an m/z is not known.
    """
    if not rows:
        raise InputError("holds channels but no rows", file=file, row=named_in)
    of, notes = masses(columns, hints, file, named_in)
    kept = [(mz, c) for mz, c in zip(of, columns, strict=True) if mz is not None]
    kept.sort(key=lambda each: each[0])
    sample = [cell for row in list(rows.values())[:: max(1, len(rows) // 500)] for cell in row]
    found = hints.decimal or decimal_mark([cell for cell in sample if "/" not in cell])
    if found not in (".", ","):
        raise InputError(found, file=file, hint="State it: --columns 'decimal=comma'.")
    decimal: Decimal = "," if found == "," else "."
    lines, values, missing = _readings(rows, kept, decimal, file)
    if missing:
        notes.append(f"{missing} readings not taken, or cut off at the end")
    units = sorted({column.unit for _, column in kept})
    if len(units) > 1:
        raise InputError(
            f"signals are in {' and '.join(units)}", file=file, row=named_in, expected="one unit"
        )
    unit = signal_unit(units[0])
    account = Account(
        kind,
        {"decimal mark": "comma" if decimal == "," else "point", "signal": units[0]},
        tuple((c.name, f"m/z {mz:g}") for mz, c in kept),
        tuple(c.name for mz, c in zip(of, columns, strict=True) if mz is None),
        (f"read as {kind}: {len(kept)} channels, in {units[0]}", *notes),
    )
    return snapped(
        Recording(
            time=time_unit.ours(values[0]),
            temp=None,
            mz=values[1],
            abundance=values[2] if unit is None else unit.ours(values[2]),
            unit="" if unit is None else unit.kind,
            file=file,
            line=lines.__getitem__,
            account=account,
            clock=clock,
        )
    )


def _readings(
    rows: dict[int, list[str]],
    channels: Sequence[tuple[float, ChannelColumn]],
    decimal: Decimal,
    file: str,
) -> tuple[list[int], FloatArray, int]:
    """Return lines, time, m/z and signal ``[3, reading]``, and how many are missing."""
    lines, readings = [], []
    missing, last = 0, next(reversed(rows))
    width = max(column.signal for _, column in channels) + 1
    for line, row in rows.items():
        cut = len(row) < width
        if cut and line != last:
            raise _refused(f"{len(row)} fields instead of {width}", file, line, None)
        for mz, column in channels:
            time, signal = (_cell(row, at) for at in (column.time, column.signal))
            # The last cell of a row that is cut short may itself be cut.
            if cut and column.signal >= len(row) - 1:
                missing += 1
            elif not is_missing(time):
                taken = _number(time, decimal, file, line, column.name)
                readings.append((taken, mz, _number(signal, decimal, file, line, column.name)))
                lines.append(line)
            elif is_missing(signal):
                missing += 1
            else:
                raise _refused("a signal without a time", file, line, column.name)
    return lines, np.array(readings).reshape(-1, 3).T, missing


def _cell(row: Sequence[str], at: int) -> str:
    return row[at] if -len(row) <= at < len(row) else ""


def _number(cell: str, decimal: Decimal, file: str, line: int, column: str) -> float:
    if is_missing(cell):
        return float("nan")
    value = to_number(cell, decimal)
    if value is None:
        raise _refused(f"holds the text {cell[:40]!r}", file, line, column)
    return value


def _refused(problem: str, file: str, line: int, column: str | None) -> InputError:
    expected = "a number" if column else "all channels in every row but the last"
    return InputError(problem, file=file, row=line, column=column, expected=expected)
