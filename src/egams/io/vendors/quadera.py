"""Pfeiffer Quadera ``.asc``, and Extrel Questor alike: channels with times of their own."""

from __future__ import annotations

import re

from egams.errors import InputError
from egams.io.tables.cells import DAY, is_missing, to_number, to_seconds
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.units import split_unit
from egams.io.vendors.channels import ChannelColumn, recording_of_channels
from egams.io.vendors.lines import lines_of, rows_below

_RELATIVE = re.compile(r"Time Relative \[\w+\]")


def is_quadera(text: str) -> bool:
    """Whether a text is an export of Quadera or Questor.

    Parameters
    ----------
    text
        The first of it.
    """
    return any(len(_RELATIVE.findall(line)) > 1 for line in lines_of(text)[:100])


def read_quadera(text: str, file: str, hints: Hints) -> Recording:
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
        If a channel's m/z is not known, or a cell holds no number; names row and channel.
    """
    lines = lines_of(text)
    at = next(i for i, line in enumerate(lines) if len(_RELATIVE.findall(line)) > 1)
    header = [cell.strip() for cell in lines[at].split("\t")]
    species = [cell.strip() for cell in lines[at - 1].split("\t")] if at else []
    relative = [i for i, cell in enumerate(header) if _RELATIVE.fullmatch(cell)]
    unit = split_unit(header[relative[0]])[1]
    if unit is None or unit.quantity != "time":
        raise InputError(
            f"no times in {header[relative[0]]}", file=file, row=at + 1, expected="s, min or h"
        )
    columns = []
    for place, time in enumerate(relative):
        begin = time - 1
        end = relative[place + 1] - 1 if place + 1 < len(relative) else begin + 3
        name = next((cell for cell in species[begin:end] if cell), "")
        if not name or end != begin + 3:
            raise InputError(
                f"channel {place + 1} is not three columns with a name above",
                file=file,
                row=at + 1,
                expected="Time, Time Relative, and the signal of each channel",
            )
        signal = header[time + 1] if time + 1 < len(header) else ""
        columns.append(ChannelColumn(name, None, time, time + 1, signal))
    rows = rows_below(lines, at, lambda line: [cell.strip() for cell in line.split("\t")], file)
    for line, row in rows.items():
        if any(row[len(header) :]):
            raise InputError(
                f"{len(row)} fields under a header of {len(header)}",
                file=file,
                row=line,
                expected="three columns for each channel, all named above",
            )
    return recording_of_channels(
        rows,
        columns,
        hints,
        file,
        kind="Pfeiffer Quadera",
        named_in=at,
        time_unit=unit,
        clock=_clock(next(iter(rows.values()), []), relative[0], unit.factor),
    )


def _clock(row: list[str], relative: int, factor: float) -> float | None:
    """Return the time of day at which relative time is 0."""
    if len(row) <= relative or is_missing(row[relative - 1]):
        return None
    absolute = to_seconds([row[relative - 1]])
    since = to_number(row[relative], "," if "," in row[relative] else ".")
    if isinstance(absolute, int) or since is None:
        return None
    return float(absolute[0] - since * factor) % DAY
