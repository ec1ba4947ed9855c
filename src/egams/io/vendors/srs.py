"""SRS RGA ``.txt``: pressure of numbered channels over time, listed above with their m/z."""

from __future__ import annotations

import re

from egams.errors import InputError
from egams.io.tables.cells import to_number
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.units import BY_NAME
from egams.io.vendors.channels import ChannelColumn, recording_of_channels
from egams.io.vendors.lines import lines_of, refuse_unlisted, rows_below

_MARK = "Pressure vs Time Scan"
_NUMBER = re.compile(r"Channel\s*#\s*(\d+)", re.IGNORECASE)
_TIME = re.compile(r"\s*Time\s*\((\w+)\)", re.IGNORECASE)
_LISTED = re.compile(r"\s*(?:Channel\s*#?\s*)?(?P<n>\d+)[\s,:]+(?P<mz>\d+(?:\.\d+)?)\b")
_PARTED = re.compile(r"[\s,;]+")


def is_srs(text: str) -> bool:
    """Whether a text is a pressure-versus-time export of an SRS RGA.

    Parameters
    ----------
    text
        The first of it.
    """
    return _MARK in text[:4096]


def read_srs(text: str, file: str, hints: Hints) -> Recording:
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
        If there is no table, a channel is not listed, or a cell holds no number.
    """
    lines = lines_of(text)
    heads = (i for i, line in enumerate(lines) if _TIME.match(line) and _NUMBER.search(line))
    at = next(heads, None)
    if at is None:
        raise InputError("no table", file=file, expected="Time(s) Channel#1 Channel#2 ...")
    time = _TIME.match(lines[at])
    if time is None or time[1].casefold() not in ("s", "sec"):
        raise InputError("times are not in s", file=file, row=at + 1, expected="Time(s)")
    listed = {m["n"]: to_number(m["mz"], ".") for m in map(_LISTED.match, lines[:at]) if m}
    numbers = _NUMBER.findall(lines[at])
    refuse_unlisted(numbers, listed, file, at + 1, "the table of channels above")
    unit = "Torr" if "torr" in text[:8192].casefold() else "the file's unit"
    columns = [
        ChannelColumn(f"Channel#{number}", listed[number], 0, place + 1, unit)
        for place, number in enumerate(numbers)
    ]
    fields = len(numbers) + 1
    a_row = "a time and a signal of each channel"
    rows = rows_below(lines, at, _cells, file, (fields, fields), a_row)
    return recording_of_channels(
        rows, columns, hints, file, kind="SRS RGA", named_in=at + 1, time_unit=BY_NAME["s"]
    )


def _cells(line: str) -> list[str]:
    return [cell for cell in _PARTED.split(line) if cell]
