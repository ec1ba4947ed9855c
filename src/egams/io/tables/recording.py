"""What a file recorded: readings in rows, with or without the sample's temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.errors import InputError
from egams.io.table import LongTable
from egams.io.tables.account import Account

NO_TEMPERATURE = (
    "State it: --temperature FILE (a thermobalance's curve or a logger's table), or --ramp RATE "
    "--start DEGC."
)


@dataclass(frozen=True)
class Recording:
    """Readings of one run, in the order of the file.

    Parameters
    ----------
    time
        Seconds ``[row]``; None where the file has none.
    temp
        Temperature of the sample, degC ``[row]``; None where the file has none.
    mz, abundance
        m/z, and the ion signal in `unit` ``[row]``; NaN: not measured.
    file
        What to call the file in messages.
    line
        Line in the file of the i-th reading.
    account
        How the file was read.
    time_known
        Whether the unit of time was given.
    clock
        Time of day at which time is 0, s; None where the file does not have it.
    headers
        What the file calls the column of each role, for messages.
    unit
        Unit of the ion signal; empty where the file does not state it.
    """

    time: FloatArray | None
    temp: FloatArray | None
    mz: FloatArray
    abundance: FloatArray
    file: str
    line: Callable[[int], int]
    account: Account
    time_known: bool = True
    clock: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""

    def take(self, index: IntArray, *notes: str) -> Recording:
        """Return some of the readings, in this order.

        Parameters
        ----------
        index
            Places of them.
        *notes
            What to note about it.
        """
        return replace(
            self,
            time=None if self.time is None else self.time[index],
            temp=None if self.temp is None else self.temp[index],
            mz=self.mz[index],
            abundance=self.abundance[index],
            line=lambda i: self.line(int(index[i])),
            account=self.account.noted(*notes),
        )

    def with_dialect(self, **dialect: str) -> Recording:
        """Return the same with more said of its dialect, unless it says so itself.

        Parameters
        ----------
        **dialect
            Encoding and the like, in words.
        """
        known = {**dialect, **self.account.dialect}
        return replace(self, account=replace(self.account, dialect=known))

    def table(self) -> LongTable:
        """Return the readings as the long table that a run is made of.

        Raises
        ------
        InputError
            If there is no temperature.
        """
        if self.temp is None:
            raise InputError(
                "holds no temperature of the sample", file=self.file, hint=NO_TEMPERATURE
            )
        time = self.time
        if time is None:  # any that ascends from scan to scan
            time = np.concatenate(([0.0], np.cumsum(np.diff(self.mz) <= 0)))
        return LongTable(
            *(time, self.temp, self.mz, self.abundance),
            file=self.file,
            line=self.line,
            headers=self.headers,
            unit=self.unit,
        )


@dataclass(frozen=True)
class Curve:
    """Temperature of the sample over time, as a second file has it.

    Parameters
    ----------
    time, temp
        s and degC ``[point]``, times ascending.
    name
        Where it is from, for notes.
    stamps
        Time of day that the file states, s: of its start or of its end.
    clock
        Time of day of its first point, s, where that is certain.
    """

    time: FloatArray
    temp: FloatArray
    name: str
    stamps: tuple[float, ...] = ()
    clock: float | None = None
