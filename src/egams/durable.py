"""What is renamed outlives a loss of power: contents reach the disk first, then their names."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

AT_FDCWD = -100
EXCHANGE = 2


def sync(path: Path) -> None:
    """Bring a file, or a folder and all in it, to the disk."""
    if not path.is_dir():
        _sync_one(path)
        return
    for entry in path.iterdir():
        if not entry.is_symlink():
            sync(entry)
    sync_names(path)


def sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where its file system can."""
    with suppress(OSError):
        _sync_one(folder)


def exchange(one: Path, other: Path) -> bool:
    """Swap what two names stand for, at one moment; False where this system cannot."""
    swap = (
        getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name != "nt" else None
    )
    if swap is None:
        return False
    done = swap(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), EXCHANGE)
    return bool(done == 0)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
