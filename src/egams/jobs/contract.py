"""What every executor keeps to: which job is next, and how one is tried, wherever that is."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from egams.jobs.stopping import StoppedError

LOST_BY = {"MemoryError", "OutOfMemoryError", "AcceleratorError"}
"""Classes of errors; two of them are torch's, which need not be imported to know them."""
LOST_AS = re.compile(
    r"out of memory|allocate memory|alloc(ation)?_failed|cuda error", re.IGNORECASE
)
"""What torch before 2.8, on a CPU, and libraries of CUDA report without a class of their own."""


OMP_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Job:
    """One piece of work: a name for people, and arguments for the function that does it."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class JobReport:
    """How far a job is: epochs (or boosters) done, in all, the loss of the last, and more."""

    job: str
    done: int
    total: int
    loss: float
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class JobState:
    """What has become of a job.

    Parameters
    ----------
    job
        Its name.
    state
        ``"running"``: it begins, perhaps again; the others are final.
    reason
        Why it stopped, failed or begins again; empty where it begins for the first time.
    """

    job: str
    state: Literal["running", "finished", "stopped", "failed"]
    reason: str = ""


Report = Callable[[JobReport], None]
Stop = Callable[[], bool]
Work = Callable[..., None]
States = Generator[JobState, None, None]


class Executor(Protocol):
    """Runs jobs, one or several at a time.

    Every job has one thread of NumPy and of torch, wherever it runs: sums depend on the number of
    threads, so that numbers would depend on the executor otherwise. (Small networks gain nothing
    from more.)

    A job that dies, because its process is lost or memory runs out, is tried a second time when
    the others have begun; other errors are final at once. Either way the others go on.

    Parameters
    ----------
    workers
        Jobs at a time; None where a cluster decides.
    """

    workers: int | None

    def run(self, work: Work, jobs: Sequence[Job], report: Report | None, stop: Stop) -> States:
        """Run jobs, and yield what becomes of each, as it happens.

        Parameters
        ----------
        work
            Called as ``work(*job.arguments, report=..., stop=...)``; must be importable by name,
            as `jobs` must pickle. It calls `stop` now and then, and raises StoppedError where that
            is true.
        report
            Called in this process with the progress of every job.
        stop
            Called in this process again and again; once it is true, no job begins, and running
            ones are signalled to stop. A job that was not begun has no final state.
        """
        ...


@dataclass(frozen=True)
class Ended:
    """How one try of a job ended; `died` where another, in a fresh process, may go better."""

    state: Literal["finished", "stopped", "failed"]
    reason: str = ""
    died: bool = False


class JobQueue:
    """Jobs that wait, and those that died and are to be tried again.

    A second try waits until nothing else runs: if memory ran out, it has all of it then.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._first = deque(jobs)
        self._second: deque[tuple[Job, str]] = deque()
        self._tried_again: set[str] = set()

    def next(self, running: int) -> tuple[Job, JobState] | None:
        """Take the next job and the state it begins in, given how many run; None if none is due."""
        if self._first:
            job = self._first.popleft()
            return job, JobState(job.name, "running")
        if self._second and running == 0:
            job, reason = self._second.popleft()
            return job, JobState(job.name, "running", f"second try: {reason}")
        return None

    def ended(self, job: Job, ended: Ended) -> Iterator[JobState]:
        """Yield the final state of a job; nothing where it will be tried again."""
        if ended.died and job.name not in self._tried_again:
            self._tried_again.add(job.name)
            self._second.append((job, ended.reason))
        else:
            again = " (tried twice)" if ended.died else ""
            yield JobState(job.name, ended.state, ended.reason + again)


def try_job(work: Work, job: Job, report: Report | None, stop: Stop) -> Ended:
    """Do a job in this process, on one thread of NumPy and of torch."""
    with _one_thread():
        try:
            work(*job.arguments, report=report, stop=stop)
        except StoppedError as error:
            return Ended("stopped", str(error))
        except Exception as error:
            return Ended("failed", f"{type(error).__name__}: {error}", process_is_lost(error))
    return Ended("finished")


@contextmanager
def _one_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    threads = None if torch is None else torch.get_num_threads()
    before = os.environ.get(OMP_THREADS)
    os.environ[OMP_THREADS] = "1"  # of a torch that the job loads
    if torch is not None:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)
        if before is None:
            del os.environ[OMP_THREADS]
        else:
            os.environ[OMP_THREADS] = before


def process_is_lost(error: Exception) -> bool:
    """Whether memory ran out, or CUDA will answer this process with errors from now on."""
    classes = {each.__name__ for each in type(error).__mro__}
    if classes & LOST_BY:
        return True
    return isinstance(error, RuntimeError) and LOST_AS.search(str(error)) is not None
