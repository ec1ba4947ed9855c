"""What each header of a table looks like by itself, before anything is decided: for a person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from egams.io.tables.cells import is_missing
from egams.io.tables.channels import channel_of, folded, signal_channel_of
from egams.io.tables.dialect import Grid
from egams.io.tables.hints import ROLES
from egams.io.tables.synonyms import WORDS
from egams.io.tables.units import split_unit, unit_named


@dataclass(frozen=True)
class Glance:
    """What a header looks like.

    Parameters
    ----------
    header
        As the file has it.
    role
        ``time``, ``temp``, ``m/z``, ``abundance``, ``ion``; None where it may be anything.
    unit
        Its name; None where none is given.
    mz
        Of an ion.
    example
        First cell that is not empty.
    """

    header: str
    role: str | None
    unit: str | None
    mz: float | None
    example: str


def glances(grid: Grid) -> list[Glance]:
    """Return what the headers of a table look like.

    Parameters
    ----------
    grid
        The table.
    """
    return [_glance(grid, index) for index in range(len(grid.names))]


def _glance(grid: Grid, index: int) -> Glance:
    header = grid.names[index]
    name, unit, _ = split_unit(header)
    unit = unit or unit_named(grid.units[index])
    channel = channel_of(name) if unit is None or unit.quantity == "m/z" else None
    if unit and unit.quantity == "abundance":
        channel = signal_channel_of(name)
    words = re.findall(r"[^\W\d_]+", folded(name))
    by_word = [role for role in ROLES if any(re.fullmatch(WORDS[role], word) for word in words)]
    role: str | None = "ion" if channel else unit.quantity if unit else None
    if role is None and len(by_word) == 1:
        role = by_word[0]
    return Glance(
        header,
        None if role == "other" else role,
        unit.name if unit else None,
        channel.mz if channel else None,
        next((row[index] for row in grid.cells if not is_missing(row[index])), ""),
    )
