"""What a reader asks of a person: recognised by the options that its errors name."""

from __future__ import annotations

from egams.errors import InputError

OPTIONS = {"--columns": "columns", "--temperature": "temp", "--ramp": "temp", "--offset": "offset"}
"""What each option of the command line states, by the names that the page uses."""


def needs(error: InputError) -> list[str]:
    """Return what a person can state so that a file can be read; nothing where nothing helps.

    Parameters
    ----------
    error
        Of the reader.
    """
    words = f"{error.expected or ''} {error.hint or ''}"
    return list(dict.fromkeys(what for option, what in OPTIONS.items() if option in words))
