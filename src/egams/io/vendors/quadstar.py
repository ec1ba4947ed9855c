"""Balzers and Pfeiffer QuadStar ``.asc``: channels ``'0/0'``, listed above with their m/z."""

from __future__ import annotations

import re

from egams.errors import InputError
from egams.io.tables.cells import to_number
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.units import BY_NAME, unit_named
from egams.io.vendors.channels import ChannelColumn, recording_of_channels
from egams.io.vendors.lines import lines_of, refuse_unlisted, rows_below

_MARK = re.compile(r"ASCII\s+S\w+\s+CYCLES", re.IGNORECASE)
_LISTED = re.compile(r"\s*'(?P<name>\d+/\d+)'\s+(?P<mz>\d+(?:[.,]\d+)?)\b")
_NAMES = re.compile(r"'(\d+/\d+)'")
_RELATIVE = re.compile(r"RelTime\s*\[(\w+)\]", re.IGNORECASE)
_SIGNAL = re.compile(r"(Ion Current|Partial Pressure|Counts?)\s*\[([^\]]+)\]", re.IGNORECASE)


def is_quadstar(text: str) -> bool:
    """Whether a text is a QuadStar export of cycles.

    Parameters
    ----------
    text
        The first of it.
    """
    return bool(_MARK.search(text[:4096]) or (_RELATIVE.search(text) and _NAMES.search(text)))


def read_quadstar(text: str, file: str, hints: Hints) -> Recording:
    """Return the readings of an export; it holds no temperature.

    Parameters
    ----------
    text
        The whole file.
    file
        What to call it in messages.
    hints
        What the user stated about its channels.

    Raises
    ------
    InputError
        If there is no table of cycles, a channel is not listed, or a cell holds no number.
    """
    lines = lines_of(text)
    at = next((i for i, line in enumerate(lines) if _RELATIVE.search(line)), None)
    if at is None:
        raise InputError("no table of cycles", file=file, expected="Cycle ... RelTime[s] '0/0' ...")
    listed = {
        match["name"]: to_number(match["mz"], "," if "," in match["mz"] else ".")
        for match in map(_LISTED.match, lines[:at])
        if match
    }
    names = _NAMES.findall(lines[at])
    refuse_unlisted(names, listed, file, at + 1, "a line such as '0/0' 18.16 above the table")
    signal = _SIGNAL.search(text)
    found = _RELATIVE.search(lines[at])
    unit = unit_named(found[1]) if found else None
    # Dates and times of day may hold blanks: what counts stands at the end.
    columns = [
        ChannelColumn(
            name,
            listed[name],
            -len(names) - 1,
            place - len(names),
            signal[0] if signal else "Ion Current",
        )
        for place, name in enumerate(names)
    ]
    a_cycle = "its number, times, and a signal of each channel"
    rows = rows_below(lines, at, str.split, file, (len(names) + 2, None), a_cycle)
    before = -len(names) - 2  # a time of day, or AM or PM; where it is a signal, names are missing
    for line, row in rows.items():
        if len(row) > len(names) + 2 and to_number(row[before], ".") is not None:
            raise InputError(
                f"more signals than the {len(names)} channels that the header names",
                file=file,
                row=line,
                expected=a_cycle,
            )
    return recording_of_channels(
        rows,
        columns,
        hints,
        file,
        kind="QuadStar",
        named_in=at + 1,
        time_unit=unit or BY_NAME["s"],
    )
