"""How much memory one process may take to read and prepare a run: judged before it is taken."""

from __future__ import annotations

import os
import re

from egams.errors import ConfigError, InputError

VARIABLE = "EGAMS_MEMORY"
"""Processes that are started inherit it."""
LARGEST_DEFAULT = 2 * 2**30
READING = 160
"""Bytes that a reading takes on its way from a file."""
CELL = 100
"""Bytes that a cell of scans and m/z takes until it is prepared."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def limit(size: int) -> None:
    """Set the budget of this process, and of those it starts, in bytes."""
    os.environ[VARIABLE] = str(size)


def budget() -> int:
    """Bytes that one run may take; by default 2 GiB, and no more than half of the machine's."""
    stated = os.environ.get(VARIABLE)
    if stated is not None:
        return bytes_of(stated)
    if not hasattr(os, "sysconf"):
        return LARGEST_DEFAULT
    return min(LARGEST_DEFAULT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def bytes_of(text: str) -> int:
    """Read a size such as ``500M`` or ``2G``.

    Parameters
    ----------
    text
        As a person writes it.

    Raises
    ------
    ConfigError
        If it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"memory '{text}' is no size; expected one such as 500M or 2G.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def refuse_beyond(need: int, what: str, file: str, hint: str | None = None) -> None:
    """Refuse what would take more memory than the budget.

    Parameters
    ----------
    need
        Bytes.
    what
        That would take them.
    file
        What to call the file in messages.
    hint
        What to do, beside a larger budget.

    Raises
    ------
    InputError
        If it would.
    """
    if need > budget():
        raise InputError(
            f"{what} would take {need / 2**20:.0f} MiB of memory",
            file=file,
            expected=f"at most {budget() / 2**20:.0f} MiB for a run, or more with --memory",
            hint=hint,
        )
