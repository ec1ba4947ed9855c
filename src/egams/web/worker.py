"""`Worker`: a thread that does what waits in the library, and keeps it claimed meanwhile."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from egams.errors import EgamsError
from egams.full_disk import DiskFullError
from egams.library.library import Library
from egams.library.records import LostWorkError, Work
from egams.web.active import ActiveBundle
from egams.web.answers import error_details

LEASE = 6.0
"""Time after which work of a process that died is done by another, s."""
PAUSE = 1.0
"""Longest time until work that another process queued is noticed, s."""
AT_ONCE = 32
"""Files that are claimed together."""

Job = Callable[[Library, ActiveBundle, Sequence[Work]], None]


class Worker:
    """Does work of some kinds, one piece or batch after the other, in a thread of its own.

    Parameters
    ----------
    library
        Where the work is.
    bundle
        What predicts.
    owner
        Name that no other worker has.
    jobs
        How work of each kind is done; several pieces at once where it reads files.
    """

    def __init__(
        self, library: Library, bundle: ActiveBundle, owner: str, jobs: Mapping[str, Job]
    ) -> None:
        self._library, self._bundle, self._owner = library, bundle, owner
        self._jobs = dict(jobs)
        self._claimed: list[Work] = []
        self._awake, self._ended = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"egams {owner}", daemon=True)
            for target in (self._work, self._keep)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for work now."""
        self._awake.set()

    def stop(self) -> None:
        """Give back what is claimed, so that it can be claimed at once, and end."""
        self._ended.set()
        self._awake.set()
        self._release()

    def _work(self) -> None:
        with suppress(EgamsError):  # what is wrong is answered where it is needed
            self._bundle.get()
        while not self._ended.is_set():
            self._awake.clear()
            try:
                works = self._claim()
                if works:
                    self._do(works)
                    continue
            except Exception:  # a thread that ends would leave all work undone, in silence
                if not self._ended.is_set():
                    traceback.print_exc()
            self._awake.wait(PAUSE)

    def _claim(self) -> list[Work]:
        """Claim the oldest work; if it reads a file, further files with it."""
        kinds = tuple(self._jobs)
        while not self._ended.is_set() and len(self._claimed) < AT_ONCE:
            work = self._library.claim(self._owner, kinds, LEASE)
            if work is None:
                break
            self._claimed.append(work)
            if work.kind != "read":
                break
            kinds = ("read",)
        if self._ended.is_set():  # `stop` may have been too early for the last one
            self._release()
            self._claimed.clear()
        return list(self._claimed)

    def _do(self, works: Sequence[Work]) -> None:
        try:
            for kind in dict.fromkeys(work.kind for work in works):
                self._do_together(kind, [work for work in works if work.kind == kind])
        except DiskFullError:
            self._release()  # it waits until there is space again
            raise
        finally:
            self._claimed.clear()

    def _do_together(self, kind: str, works: Sequence[Work]) -> None:
        """Do pieces of work; refuse what ends in an error, instead of trying it for ever."""
        try:
            self._jobs[kind](self._library, self._bundle, works)
        except LostWorkError:
            pass
        except DiskFullError:
            raise
        except Exception as error:  # whatever it is, the other pieces are done
            if len(works) > 1:
                for work in works:
                    self._do_together(kind, [work])
                return
            if self._ended.is_set():  # temporary files are gone, work is given back
                return
            if not isinstance(error, EgamsError):
                traceback.print_exc()
            with suppress(LostWorkError):
                result = {"error": error_details(error)}
                self._library.refuse(works[0], str(error), result=result)

    def _release(self) -> None:
        for work in list(self._claimed):
            with suppress(EgamsError, OSError):
                self._library.release(work)

    def _keep(self) -> None:
        while not self._ended.wait(LEASE / 4):
            for work in list(self._claimed):
                with suppress(EgamsError, OSError):
                    self._library.renew(work, LEASE)
