"""Mettler STARe curves: the temperature of the sample over time, as a thermobalance exports it."""

from __future__ import annotations

import re

import numpy as np

from egams.errors import InputError
from egams.io.tables.cells import to_seconds
from egams.io.tables.decode import decode
from egams.io.tables.recording import Curve

_VALUES = "Curve Values:"
_PERFORMED = re.compile(r"Performed\s+(\S+\s+\d{1,2}:\d{2}:\d{2})")
_TIME, _SAMPLE = "t", "Ts"


def is_mettler(data: bytes) -> bool:
    """Whether a file is a curve that STARe exported.

    Parameters
    ----------
    data
        Its bytes.
    """
    return _VALUES.encode() in data[:65536] or _VALUES.encode("utf-16-le") in data[:65536]


def mettler_curve(data: bytes, file: str) -> Curve:
    """Read sample temperature over time; the stated time may be of its start or its end.

    Parameters
    ----------
    data
        The bytes.
    file
        What to call the file in messages.

    Raises
    ------
    InputError
        If it has no columns ``t`` and ``Ts`` in s and °C, or a row is none.
    """
    text, _ = decode(data, file)
    lines = re.split(r"\r\n|\n|\r", text)
    at = next((i for i, line in enumerate(lines) if _VALUES in line), None)
    if at is None:  # its encoding is damaged: the bytes hold the mark, the text does not
        raise InputError(f"no line '{_VALUES}' in it", file=file, expected="a Mettler curve")
    names = lines[at + 1].split() if at + 1 < len(lines) else []
    units = lines[at + 2].split() if at + 2 < len(lines) else []
    # The column of the index has no unit.
    of = dict(zip(names[len(names) - len(units) :], units, strict=False))
    if of.get(_TIME) not in ("[s]", "[min]") or of.get(_SAMPLE) not in ("[°C]", "[K]"):
        raise InputError(
            f"its columns are {' '.join(names)} in {' '.join(units)}",
            file=file,
            row=at + 2,
            expected="t in [s] or [min], and Ts in [°C] or [K]",
        )
    points = []
    for place, line in enumerate(lines[at + 3 :]):
        if not line.strip():
            break
        if at + 3 + place == len(lines) - 1:
            raise InputError(
                "is cut off: its last point has no end of line",
                file=file,
                row=at + 4 + place,
                hint="Copy or export it again.",
            )
        points.append(_point(line, names, file, at + 4 + place))
    if not points:
        raise InputError("holds no points", file=file, row=at + 4)
    time, temp = np.array(points).T
    stamp = _PERFORMED.search(text)
    seconds = to_seconds([stamp[1]]) if stamp else 0
    return Curve(
        time * (60.0 if of[_TIME] == "[min]" else 1.0),
        temp - (273.15 if of[_SAMPLE] == "[K]" else 0.0),
        file,
        () if isinstance(seconds, int) else (float(seconds[0]),),
    )


def _point(line: str, names: list[str], file: str, row: int) -> tuple[float, float]:
    cells = line.replace(",", ".").split()
    try:
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} fields")
        return float(cells[names.index(_TIME)]), float(cells[names.index(_SAMPLE)])
    except ValueError as error:
        raise InputError(
            f"is no row of the curve ({error})", file=file, row=row, expected=" ".join(names)
        ) from error
