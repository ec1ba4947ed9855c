"""`members_of`: a zip archive's directory, whatever it says of the encoding of names."""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

_HEADER, _SIGNATURE = 46, b"PK\x01\x02"
_FLAGS, _LENGTHS = 9, (28, 30, 32)
_IS_UTF_8 = 0b1000
_FLAG = _IS_UTF_8 << 8  # as zipfile counts: both bytes of flags


def members_of(archive: Path) -> tuple[list[zipfile.ZipInfo], frozenset[str]]:
    """Return the members of an archive, and the names that are no UTF-8 though they say so.

    Names that do not say what they are, as those of `zip` on Linux, are UTF-8 where they can be.

    Parameters
    ----------
    archive
        The file; it stays as it is.

    Raises
    ------
    OSError, BadZipFile, ValueError, NotImplementedError
        If it is no whole archive.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return _in_utf_8(opened.infolist()), frozenset()
    except UnicodeDecodeError as error:
        first = error.object
    with (
        archive.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as content,
    ):
        wrong = set()
        for at, name in _entries(content, content.rfind(first) - _HEADER):
            if content[at + _FLAGS] & _IS_UTF_8 and not _is_utf_8(name):
                content[at + _FLAGS] &= ~_IS_UTF_8  # then any name is read
                wrong.add(name.decode("cp437"))
        with zipfile.ZipFile(cast("IO[bytes]", content)) as opened:
            return _in_utf_8(opened.infolist()), frozenset(wrong)


def _in_utf_8(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    for info in members:
        if not info.flag_bits & _FLAG:
            with suppress(UnicodeError):  # then it stays as the format has it, cp437
                info.filename = info.filename.encode("cp437").decode("utf-8")
    return members


def _entries(content: mmap.mmap, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield where the entries of the directory begin, from one on, and the names in them."""
    while at >= 0 and content[at : at + 4] == _SIGNATURE:
        lengths = [int.from_bytes(content[at + k : at + k + 2], "little") for k in _LENGTHS]
        yield at, content[at + _HEADER : at + _HEADER + lengths[0]]
        at += _HEADER + sum(lengths)


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
