"""Where trainings run: in this process, or in several at once."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One piece of work: a name for people, and arguments for the function that does it."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class JobReport:
    """How far a job is: epochs (or boosters) done, in all, and the loss of the last."""

    job: str
    done: int
    total: int
    loss: float


@dataclass(frozen=True)
class JobFailure:
    """A job that did not finish, and why."""

    job: str
    reason: str


DIED = (
    "the process it ran in died; memory may have run out "
    "(or a script starts trainings outside `if __name__ == '__main__':`)"
)

Report = Callable[[JobReport], None]
Work = Callable[..., None]


def run_jobs(
    work: Work, jobs: Sequence[Job], workers: int, report: Report | None = None
) -> list[JobFailure]:
    """Run jobs, several at a time; a job that fails is reported and the others go on.

    Every job has one thread of torch, here or in a process: sums depend on the number of threads,
    so that numbers would depend on `workers` otherwise. (Small networks gain nothing from more.)

    Parameters
    ----------
    work
        Called as ``work(*job.arguments, report=...)``; must be importable by name.
    workers
        Processes; 1 runs the jobs here.
    report
        Called in this process with the progress of every job.

    Returns
    -------
    list of JobFailure
        In the order they happened.
    """
    if workers == 1 or len(jobs) < 2:
        return _run_here(work, jobs, report)
    context = multiprocessing.get_context("spawn")  # forked children of torch may hang
    with context.Manager() as manager:
        reports = manager.Queue()
        listener = threading.Thread(target=_listen, args=(reports, report), daemon=True)
        listener.start()
        failures = _run_in_processes(work, jobs, workers, context, reports)
        reports.put(None)
        listener.join()
    return failures


def _run_here(work: Work, jobs: Sequence[Job], report: Report | None) -> list[JobFailure]:
    failures = []
    with _one_thread():
        for job in jobs:
            try:
                work(*job.arguments, report=report)
            except Exception as error:
                failures.append(JobFailure(job.name, _why(error)))
    return failures


def _run_in_processes(
    work: Work, jobs: Sequence[Job], workers: int, context: Any, reports: Any
) -> list[JobFailure]:
    failures: list[JobFailure] = []
    while jobs:
        unfinished = _run_in_pool(work, jobs, workers, context, reports, failures)
        if unfinished and workers == 1:
            failures.append(JobFailure(unfinished.pop(0).name, DIED))
        # A process that dies takes the pool with it. One at a time, memory may do, and if not, the
        # job that dies is the one that was begun.
        jobs, workers = unfinished, 1
    return failures


def _run_in_pool(
    work: Work,
    jobs: Sequence[Job],
    workers: int,
    context: Any,
    reports: Any,
    failures: list[JobFailure],
) -> list[Job]:
    """Run jobs, add what failed to `failures`, and return those that a dead process left undone."""
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_set_one_thread) as pool:
        begun: dict[Future[None], Job] = {
            pool.submit(_in_worker, work, job, reports): job for job in jobs
        }
        try:
            for future in as_completed(begun):
                error = future.exception()
                if error is not None and not isinstance(error, BrokenProcessPool):
                    failures.append(JobFailure(begun[future].name, _why(error)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # or Ctrl-C would start the next job
            raise
    return [
        job for future, job in begun.items() if isinstance(future.exception(), BrokenProcessPool)
    ]


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _set_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _in_worker(work: Work, job: Job, reports: Any) -> None:
    work(*job.arguments, report=reports.put)


def _listen(reports: Any, report: Report | None) -> None:
    while (entry := reports.get()) is not None:
        if report is not None:
            report(entry)


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
