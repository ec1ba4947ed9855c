"""Text of files as a terminal, a table or a log may show it: no control characters."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069"  # new lines, and changes of direction
    "\ud800-\udfff]"  # bytes of a file name that are no UTF-8
)
_BYTES = 0xDC00
_FORMULA, _TEXT = ("=", "+", "-", "@"), "'"


def plain_text(text: str) -> str:
    r"""Write what a reader would not see, or a terminal obey, as ``\x1b``.

    Parameters
    ----------
    text
        Name of a file or run, header, message: one line.
    """
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    code -= _BYTES if _BYTES <= code < _BYTES + 0x100 else 0
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def spreadsheet_text(text: str) -> str:
    """Write a cell of a CSV so that no spreadsheet takes it for a formula.

    Parameters
    ----------
    text
        Such as the name of a run.
    """
    return _TEXT + text if _is_formula(text) else text


def from_spreadsheet(text: str) -> str:
    """Return what `spreadsheet_text` was given.

    Parameters
    ----------
    text
        Of the cell.
    """
    return text[1:] if text.startswith(_TEXT) and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    if not text.lstrip().startswith(_FORMULA):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
