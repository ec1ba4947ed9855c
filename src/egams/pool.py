"""`in_order`: results of one function from several processes, none of which is left behind.

For what comes back and costs little to do again. What trains for hours, leaves files and is stopped
with a checkpoint is a job: `egams.jobs`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Literal, TypeVar

from egams.errors import EgamsError
from egams.processes import end_with_parent, signals_held_back

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    jobs: int,
    *,
    start: Literal["spawn"] | None = None,
) -> Iterator[Result]:
    """Do tasks in processes that end when this generator does, or the process that it is in.

    Tasks are taken as they are due, one more than there are processes: memory does not grow with
    their number.

    Parameters
    ----------
    work
        Importable by name.
    tasks
        What it is called with, one at a time.
    jobs
        Processes, 2 or more: see `egams.processes.processes`.
    start
        ``"spawn"`` where a forked process might hang, as those of native libraries with threads do;
        None for what this system does by default.

    Raises
    ------
    EgamsError
        If a process dies. What `work` raises is raised here.
    """
    context = multiprocessing.get_context(start)
    pool = ProcessPoolExecutor(jobs, context, initializer=end_with_parent)
    waiting: list[Future[Result]] = []
    try:
        for task in tasks:
            with signals_held_back():  # processes begin here
                waiting.append(pool.submit(work, task))
            if len(waiting) > jobs:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    except BrokenProcessPool as error:
        raise EgamsError(
            "A worker process died, perhaps for lack of memory. Give the same command again with "
            "fewer jobs: what was kept so far is not done again. (A script must do its work behind "
            "`if __name__ == '__main__':`.)"
        ) from error
    finally:
        pool.shutdown(wait=not waiting, cancel_futures=True)
