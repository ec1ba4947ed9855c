"""Bytes of a text file to text, in whichever encoding it was saved."""

from __future__ import annotations

import codecs
import re

from egams.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_CYRILLIC = re.compile(rb"[\xc0-\xff]{3}")
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UNMARKED = 4096


def decode(data: bytes, file: str) -> tuple[str, str]:
    """Return the text and the name of its encoding.

    A byte order mark decides; else NUL bytes at every other place are UTF-16; else what is not
    UTF-8 is cp1251 where three letters of it stand together, as in Russian words, and latin-1
    where they stand alone, as in "°C" and "Intensität".

    Parameters
    ----------
    data
        The bytes.
    file
        What to call the file in messages.

    Raises
    ------
    InputError
        If the bytes are no text.
    """
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return _decoded(data, codec, file), name
    even, odd = data[:_UNMARKED:2].count(0), data[1:_UNMARKED:2].count(0)
    third = len(data[:_UNMARKED]) / 6
    if max(even, odd) > third and min(even, odd) <= third / 4:
        return _decoded(data, "utf-16-le" if odd > even else "utf-16-be", file), "UTF-16"
    try:
        text, name = data.decode(), "UTF-8"
    except UnicodeDecodeError:
        codec = "cp1251" if _CYRILLIC.search(data) else "latin-1"
        text, name = data.decode(codec, errors="replace"), codec
    return _checked(text, file), name


def _decoded(data: bytes, codec: str, file: str) -> str:
    try:
        return _checked(data.decode(codec), file)
    except UnicodeDecodeError as error:
        raise InputError(
            f"begins as {codec} text, but byte {error.start} is none",
            file=file,
            hint="It may be cut off or damaged: copy or export it again.",
        ) from error


def _checked(text: str, file: str) -> str:
    if _BINARY.search(text):
        raise InputError("holds binary data", file=file, expected="a table as text")
    return text
