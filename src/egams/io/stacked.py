"""Several runs one below the other in one table: recognised by times that start again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egams.errors import InputError

if TYPE_CHECKING:
    from egams.io.table import LongTable

MANY_RUNS = (
    "Write one file for each run, or all of them into one Parquet file with a column 'sample_id' "
    "(docs/formats.md)."
)
SAME = "Remove the repeated rows."
DIFFERENT = (
    "The two differ. Are several runs in the file? Then write one file for each. Were the times "
    "rounded? Then export them with more decimals."
)
_LEAST, _NEAR, _FALLS = 4, 0.1, 0.5
"""Readings of an m/z that make a run; where in a run's time the next may begin, as a share of it;
and how much of its heating is undone there."""


def refuse_stacked(rows: LongTable) -> None:
    """See that a table holds one run: times that start again, colder, begin another.

    Parameters
    ----------
    rows
        In the order of the file; without NaN in times, temperatures and m/z.

    Raises
    ------
    InputError
        If it holds several; names the row at which the second begins.
    """
    if not (np.diff(rows.time) < 0).any():
        return
    masses, counts = np.unique(rows.mz, return_counts=True)
    own = np.flatnonzero(rows.mz == masses[np.argmax(counts)])
    time, temp = rows.time[own], rows.temp[own]
    begin = 0
    for end in np.flatnonzero(np.diff(time) < 0).tolist():
        first, last = time[begin], time[end]
        again = time[end + 1] <= first + _NEAR * (last - first)
        cooler = temp[end] - temp[end + 1] > _FALLS * np.ptp(temp[begin : end + 1]) > 0
        if again and cooler and end + 1 - begin >= _LEAST and time.size - end > _LEAST:
            raise _several(rows, int(own[end]), int(own[end + 1]))
        begin = end + 1


def _several(rows: LongTable, last: int, later: int) -> InputError:
    row = last + 1 + int(np.flatnonzero(np.diff(rows.time[last : later + 1]) < 0)[-1])
    return InputError(
        f"times start again: {rows.time[row]:g} s after {rows.time[row - 1]:g} s, "
        f"{rows.temp[row]:g} degC after {rows.temp[row - 1]:g} degC. Several runs seem to stand "
        "one below the other",
        file=rows.file,
        row=rows.line(row),
        column=rows.headers.get("time", "time"),
        expected="one run in a file",
        hint=MANY_RUNS,
    )
