"""How many processes to work in, and whether any can be started."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

from egams.errors import ConfigError


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
