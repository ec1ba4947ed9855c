"""Cells of a table as text: which are numbers, how they are written, and arrays of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from egams.arrays import FloatArray

Decimal = Literal[".", ","]

MISSING = frozenset(
    (
        *("", "-", "--", "---", "----", "na", "n/a", "n.a.", "nan", "null", "none", "?", "*"),
        *("#n/a", "#nv", "#na", "#value!", "#num!", "#wert!"),
    )
)
"""What stands, in any capitals, where there is no value."""

_DIGITS = r"[-+]?(?:\d[\d.,' ]*|[.,]\d[\d.,' ]*)(?:[eEdD][-+]?\d{1,4})?"
_NUMBER = re.compile(rf"{_DIGITS}|[-+]?inf(?:inity)?", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:(?P<date>\d{1,4}[-./](?:\d{1,2}|[a-z]{3,9})[-./]\d{1,4})[ T]+)?"
    r"(?P<h>\d{1,3}):(?P<m>\d{2})(?::(?P<s>\d{2}(?:[.,]\d+)?))?\s*(?P<half>[AP]M)?(?:Z|[-+]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}([.,' ]\d{3})+")
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2019": "'"})
HALF_DAY, DAY = 43200.0, 86400.0


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with either decimal mark, or a time of day.

    Parameters
    ----------
    cell
        The cell.
    """
    try:
        float(cell.replace(",", ".", 1))
        return "_" not in cell
    except ValueError:
        plain = cell.translate(_SPACES).strip()
        return bool(_NUMBER.fullmatch(plain) or _CLOCK.fullmatch(plain))


def is_missing(cell: str) -> bool:
    """Whether a cell holds nothing, or a word for nothing.

    Parameters
    ----------
    cell
        The cell.
    """
    return not cell[:1].isdigit() and cell.strip().casefold() in MISSING


def decimal_mark(cells: Sequence[str]) -> Decimal | str:
    """Return the decimal mark of the numbers in cells, or why it cannot be decided.

    Parameters
    ----------
    cells
        Cells of numbers; others are passed over.

    Returns
    -------
    str
        A point or a comma; anything longer is the reason why it is neither.
    """
    plain = [cell.translate(_SPACES).strip() for cell in cells]
    numbers = [cell for cell in plain if _NUMBER.fullmatch(cell)]
    commas = [cell for cell in numbers if "," in cell]
    if not commas:
        return "."
    points = [cell for cell in numbers if "." in cell]
    both = [cell for cell in commas if "." in cell]
    if both:
        marks = {"," if cell.rfind(",") > cell.rfind(".") else "." for cell in both}
    elif points:
        return f"points and commas both stand in numbers ('{points[0]}', '{commas[0]}')"
    elif all(_GROUPED.fullmatch(cell) for cell in commas):
        return f"'{commas[0]}' may hold a decimal comma, or part thousands"
    else:
        marks = {","}
    return marks.pop() if len(marks) == 1 else f"'{both[0]}' and others part numbers differently"


def to_numbers(cells: Sequence[str], decimal: Decimal) -> FloatArray | int:
    """Return cells as numbers ``[row]``, NaN where there is none.

    Parameters
    ----------
    cells
        One column.
    decimal
        The decimal mark; the other mark may part thousands.

    Returns
    -------
    FloatArray or int
        The numbers, or the place of the first cell that is none.
    """
    other = "," if decimal == "." else "."
    if not any("_" in cell or other in cell for cell in cells):
        try:  # most columns, and much faster than one cell after the other
            return np.array([float(cell.replace(decimal, ".")) for cell in cells])
        except ValueError:
            pass
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        value = to_number(cell, decimal)
        if value is None:
            return row
        values[row] = value
    return values


def to_number(cell: str, decimal: Decimal) -> float | None:
    """Return a cell as a number; None if it is none.

    Parameters
    ----------
    cell
        The cell.
    decimal
        The decimal mark.
    """
    plain = cell.translate(_SPACES).strip()
    if not _NUMBER.fullmatch(plain):
        return None
    parting = "." if decimal == "," else ","
    mantissa, mark, fraction = plain.partition(decimal)
    if any(sign in mantissa for sign in f"{parting}' "):
        whole = re.split(r"[eEdD]", mantissa)[0]
        if not _GROUPED.fullmatch(whole):
            return None
        mantissa = re.sub(rf"[{parting}' ]", "", mantissa)
    try:
        return float(f"{mantissa}{'.' if mark else ''}{fraction}".replace("D", "e"))
    except ValueError:
        return None


def are_clocks(cells: Sequence[str]) -> bool:
    """Whether cells hold times of day, such as 13:51:12, with a date or without.

    Parameters
    ----------
    cells
        One column, or some of it.
    """
    held = [cell for cell in cells if not is_missing(cell)]
    return bool(held) and all(":" in cell and _CLOCK.fullmatch(cell.strip()) for cell in held)


def to_seconds(cells: Sequence[str]) -> FloatArray | int:
    """Return times of day as seconds ``[row]``, ascending past midnight.

    Dates need not be understood: where a time falls by half a day or more, a day has passed.

    Parameters
    ----------
    cells
        One column.

    Returns
    -------
    FloatArray or int
        Seconds since the first day's midnight, or the place of the first cell that is no time.
    """
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        match = _CLOCK.fullmatch(cell.strip())
        # Two numbers may be hours and minutes or minutes and seconds; a date or a half decides.
        if match is None or (match["s"] is None and not match["date"] and not match["half"]):
            return row
        hours = int(match["h"])
        if match["half"]:
            hours = hours % 12 + (12 if match["half"].casefold() == "pm" else 0)
        second = float((match["s"] or "0").replace(",", "."))
        values[row] = 3600.0 * hours + 60.0 * int(match["m"]) + second
    held = np.flatnonzero(~np.isnan(values))
    days = np.cumsum(np.diff(values[held], prepend=values[held][:1]) < -HALF_DAY)
    values[held] += DAY * days
    return values
