"""A full disk, in words: which file could not be written, and how to go on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egams.errors import EgamsError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("No space left on device", "Disk quota exceeded")


class DiskFullError(EgamsError, OSError):
    """A file that could not be written for lack of space."""


@contextmanager
def names_full_disk(path: Path) -> Iterator[None]:
    """Name a file or folder, and say how to go on, where its disk is full.

    Parameters
    ----------
    path
        What is written in the block. Of several blocks in one another the outermost names it.

    Raises
    ------
    DiskFullError
        If the disk is full, or the quota of the user is spent.
    """
    try:
        yield
    except Exception as error:  # safetensors and others have errors of their own for it
        if not is_full(error):
            raise
        raise DiskFullError(
            f"{path}: cannot be written: there is no space left on its disk. Free some, or choose "
            "another place, and give the same command again. What was finished before is kept."
        ) from error


def is_full(error: BaseException) -> bool:
    """Whether an error comes of a full disk.

    Parameters
    ----------
    error
        As it was raised, by whichever library.
    """
    if isinstance(error, DiskFullError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(words in str(error) for words in _WORDS)
