"""One process at a time."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from egams.errors import ArtifactError

LOCK = ".lock"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait until no other process of this machine is within such a block, for the same file."""
    with file.open("a") as handle:
        _lock(handle, wait=True)
        yield


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else work on a folder; the lock goes when the process does, however it ends.

    Raises
    ------
    ArtifactError
        If another process is at work on it.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as handle:
        try:
            _lock(handle, wait=False)
        except BlockingIOError as error:
            handle.seek(0)
            raise ArtifactError(
                f"{folder}: {handle.read() or 'another process'} is at work on it. Wait until it "
                "ends, or stop it; the same command goes on from there."
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {platform.node()}")
        handle.flush()
        yield


def _lock(handle: IO[str], *, wait: bool) -> None:
    # Windows and some network file systems know no such locks. Two at once waste work, no more.
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return
