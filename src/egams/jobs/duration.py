"""Lengths of time as people write them."""

from __future__ import annotations

import re

from egams.errors import ConfigError

_UNITS = (3600.0, 60.0, 1.0)
_WRITTEN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(written: str | float) -> float:
    """Read ``25m``, ``1h30m``, ``90s`` or plain seconds.

    Raises
    ------
    ConfigError
        If it is none of these, or nothing is left of it.
    """
    text = str(written).replace(" ", "").lower()
    found = _WRITTEN.fullmatch(text)
    parts = found.groups() if found else (None, None, None)
    seconds = sum(float(part) * unit for part, unit in zip(parts, _UNITS, strict=True) if part)
    if seconds <= 0:
        raise ConfigError(
            f"'{written}' is no length of time; expected something like 25m, 1h30m or 90 (seconds)."
        )
    return seconds


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units: ``1 h 30 min``, ``12 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
