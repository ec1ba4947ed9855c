"""How many processes to work in, and whether any can be started."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

from egams.errors import ConfigError

_GUARD = (
    "put what starts the work behind `if __name__ == '__main__':` in it, or pass jobs=1 to stay in "
    "one process"
)


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
    """Refuse where a new process could not import the script that is running.

    Raises
    ------
    ConfigError
        If it was piped to Python, or starts processes when it is imported.
    """
    if _main_is_in_no_file():
        raise ConfigError(
            "code that is piped to Python cannot be run by several processes, since each begins by "
            f"importing the file it is in. Save it in a file and {_GUARD}."
        )
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "this process was started to help with the work, and has to import the script for "
            f"that; the script starts processes again. {_GUARD.capitalize()}."
        )


def _main_is_in_no_file() -> bool:
    # `python -c` and notebooks have no __file__ at all: processes then import nothing, and work.
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    return file is not None and main.__spec__ is None and not Path(file).is_file()
