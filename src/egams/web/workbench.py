"""`Workbench`: what the routes work with: the library, the bundle in use, and the workers."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar, cast

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from egams.library.library import Library
from egams.web.active import ActiveBundle
from egams.web.guard import Limits
from egams.web.long_work import learn, predict_again, report
from egams.web.reading_work import read_files
from egams.web.worker import Job, Worker

Found = TypeVar("Found")
LARGE = 8 * 2**20
AT_ONCE, MOST_WAITING = 2, 40
"""Requests for pictures at once; and all that compute or wait to."""


@dataclass(eq=False)
class Workbench:
    """What the routes work with.

    Parameters
    ----------
    library
        Where runs and work are.
    bundle
        What predicts.
    scratch
        Folder for files on their way.
    limits
        What a request may take.
    """

    library: Library
    bundle: ActiveBundle
    scratch: Path
    limits: Limits = field(default_factory=Limits)
    _waiting: int = 0
    _alone: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def workers(self) -> tuple[Worker, ...]:
        """One for files, one for what takes longer, so that files need not wait for it."""
        owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        files: dict[str, Job] = {"read": read_files}
        longer: dict[str, Job] = {"predict": predict_again, "report": report, "teach": learn}
        return (
            Worker(self.library, self.bundle, f"{owner}-files", files),
            Worker(self.library, self.bundle, f"{owner}-long", longer),
        )

    @cached_property
    def _pictures(self) -> CapacityLimiter:
        return CapacityLimiter(AT_ONCE)

    @cached_property
    def _slow(self) -> CapacityLimiter:
        return CapacityLimiter(1)

    def start(self) -> None:
        """Begin to work."""
        for worker in self.workers:
            worker.start()

    def stop(self) -> None:
        """End; what is under way goes on at the next start."""
        for worker in self.workers:
            worker.stop()

    def wake(self) -> None:
        """Look for work now."""
        for worker in self.workers:
            worker.wake()

    @contextmanager
    def room_for(self, *files: Path | None) -> Iterator[None]:
        """Take files that need much memory one at a time.

        Parameters
        ----------
        *files
            That are kept in the block.
        """
        large = any(file is not None and file.stat().st_size > LARGE for file in files)
        with self._alone if large else nullcontext():
            yield

    async def heavy(self, work: Callable[[], Found], *, slow: bool = False) -> Found:
        """Compute in a thread, few at once: the page goes on answering.

        Parameters
        ----------
        work
            What is computed.
        slow
            Whether it takes seconds: one at a time, while pictures are drawn beside it.
        """
        if self._waiting >= MOST_WAITING:
            raise HTTPException(429, "too much is being computed already")
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(
                work, limiter=self._slow if slow else self._pictures
            )
        finally:
            self._waiting -= 1


def workbench_of(request: Request) -> Workbench:
    """Return the workbench that a request is about."""
    return cast("Workbench", request.app.state.workbench)


Id = Annotated[int, Field(ge=0, le=2**62)]
"""Of a run or a work; SQLite knows no larger ones."""
Bench = Annotated[Workbench, Depends(workbench_of)]
"""The workbench, as routes are given it."""
