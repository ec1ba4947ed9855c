"""One process at a time."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from egams.errors import ArtifactError

LOCK = ".lock"
FOREVER = -1.0


@contextmanager
def locked(file: Path, *, seconds: float = FOREVER) -> Iterator[None]:
    """Wait until no other process of this machine is within such a block, for the same file.

    Raises
    ------
    filelock.Timeout
        If one still is after so many seconds.
    """
    lock = FileLock(file, timeout=seconds, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError:  # some network file systems know no locks; two at once waste work, no more
        pass
    try:
        yield
    finally:
        lock.release()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else work on a folder; the lock goes when the process does, however it ends.

    Raises
    ------
    ArtifactError
        If another process is at work on it.
    """
    with _alone(folder / LOCK, folder):
        yield


@contextmanager
def alone_on(path: Path) -> Iterator[None]:
    """Let nobody else make what is to stand at `path`; nothing is left of it beside that.

    Raises
    ------
    ArtifactError
        If another process is at work on it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".{path.name}{LOCK}")
    with _alone(file, path):
        try:
            yield
        finally:
            with suppress(OSError):
                file.unlink()


@contextmanager
def _alone(file: Path, what: Path) -> Iterator[None]:
    holder = ""
    with suppress(OSError):
        holder = file.read_text(encoding="utf-8")
    with ExitStack() as held:
        try:
            held.enter_context(locked(file, seconds=0))
        except Timeout as error:
            raise ArtifactError(
                f"{what}: {holder or 'another process'} is at work on it. Wait until it ends, or "
                "stop it; the same command goes on from there."
            ) from error
        with suppress(OSError):
            file.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
