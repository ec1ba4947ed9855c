"""How many processes to work in, whether any can be started, and that none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

from egams.errors import ConfigError

HELD_BACK = {signal.SIGINT, signal.SIGTERM}


def processes(jobs: int | None, tasks: int) -> int:
    """Return how many processes to work in; 1 is this one.

    Parameters
    ----------
    jobs
        As requested. None takes one for each core, or this one alone where no other can be started.
    tasks
        Pieces of work there are; no process is started for fewer than two.

    Raises
    ------
    ConfigError
        If `jobs` is below 1, or several are requested where none can be started.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs is {jobs}; expected 1 or more.")
    if jobs == 1 or tasks < 2 or (jobs is None and _main_is_in_no_file()):
        return 1
    refuse_where_none_can_start()
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_where_none_can_start() -> None:
    """Raise ConfigError where no new process could import the script that is running."""
    if _main_is_in_no_file():
        problem = "code piped to Python is in no file; save it in one"
    elif getattr(multiprocessing.current_process(), "_inheriting", False):
        problem = "importing this script starts processes again"
    else:
        return
    raise ConfigError(
        "several processes cannot do this, since each begins by importing the script: "
        f"{problem}. Put what starts the work behind `if __name__ == '__main__':`, or pass jobs=1."
    )


def _main_is_in_no_file() -> bool:
    # `python -c` and notebooks have no __file__ at all: processes then import nothing, and work.
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    return file is not None and main.__spec__ is None and not Path(file).is_file()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Start processes deaf to signals: they listen once they know what to do about them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hear_signals() -> None:
    """Listen to signals again, in a process that was started deaf to them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def end_with_parent() -> None:
    """Begin a worker that has nothing to keep: it ends at once when its parent has ended.

    Ctrl-C is for the parent to answer: a terminal sends it to every process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    hear_signals()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
