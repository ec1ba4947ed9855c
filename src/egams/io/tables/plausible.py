"""Wrong guesses that physics shows: Kelvin read as °C, minutes as seconds, logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.tables.columns import Column
from egams.io.tables.dialect import Grid
from egams.io.tables.kelvin import KELVIN
from egams.io.tables.questions import ask

if TYPE_CHECKING:
    from egams.io.tables.recording import Recording

HOT, COLD = 1250.0, -120.0
RATES = (0.2, 250.0)
"""Heating rates, degC a minute, of which any is plausible."""


def check_temperature(temp: FloatArray, column: Column, grid: Grid) -> None:
    """Ask about temperatures that do not fit their unit, or fit two if none is given.

    Parameters
    ----------
    temp
        As read, degC ``[row]``.
    column
        The column they are from.
    grid
        The table.

    Raises
    ------
    InputError
        If it has to be asked; a unit stated by hand is believed.
    """
    held = temp[np.isfinite(temp)]
    if not held.size or (column.by_hand and column.unit):
        return
    start, top = float(held[0]), float(held.max())
    answer = f"temp={column.header} [degC]"
    if column.unit is not None:
        if start < COLD:
            raise ask(
                f"begins at {start:.0f} degC as its unit {column.unit.name} has it; is it in degC",
                grid, column.header, answer,
            )  # fmt: skip
        return
    if KELVIN[0] <= start <= KELVIN[1]:
        raise ask(
            f"begins at {start:g} without a unit: it may be in K or in degC",
            grid, column.header, f"temp={column.header} [K]' or '{answer}",
        )  # fmt: skip
    if top > HOT or start < COLD:
        raise ask(
            f"runs from {start:g} to {top:g} without a unit: it may be in degC, degF or K",
            grid, column.header, f"temp={column.header} [degF]' or '{answer}",
        )  # fmt: skip


def check_time(time: FloatArray, temp: FloatArray, column: Column, grid: Grid) -> None:
    """Ask about times without a unit which, as seconds, give a heating rate no oven has.

    Parameters
    ----------
    time, temp
        As read, s and degC ``[row]``.
    column
        The column of times.
    grid
        The table.

    Raises
    ------
    InputError
        If it has to be asked.
    """
    held = np.isfinite(time) & np.isfinite(temp)
    if not held.any() or float(np.ptp(temp[held])) < 20.0:
        return
    seconds = float(np.ptp(time[held]))
    rate = float(np.ptp(temp[held])) / seconds * 60.0 if seconds else np.inf
    if not RATES[0] <= rate <= RATES[1]:
        header = column.header
        raise ask(
            f"has no unit, and as seconds the sample is heated by {rate:.3g} degC a minute",
            grid, header, f"time={header} [min]', '... [s]', '... [h]' or '... [ms]",
        )  # fmt: skip


def check_signal(
    recording: Recording, channels: Sequence[tuple[float, Column]], grid: Grid
) -> None:
    """Ask about signals that are no linear measure of the ions, or not of one kind.

    Parameters
    ----------
    recording
        What was read.
    channels
        The columns of the signals.
    grid
        The table.

    Raises
    ------
    InputError
        If all are negative, as logarithms of currents are, or units differ between columns.
    """
    kinds = {column.kind for _, column in channels}
    if len(kinds) > 1:
        shown = " and ".join(sorted(kind or "no unit" for kind in kinds))
        raise InputError(
            f"signals of different m/z are in {shown}",
            file=grid.file,
            row=grid.header_line,
            expected="one unit, or the m/z cannot be compared",
            hint="Leave some out: --columns 'HEADER=unused'.",
        )
    held = recording.abundance[np.isfinite(recording.abundance)]
    if held.size and float(held.max()) < 0:
        raise InputError(
            "every signal is negative",
            file=grid.file,
            column=channels[0][1].header,
            expected="ion currents or counts; logarithms of them must be undone first",
        )
