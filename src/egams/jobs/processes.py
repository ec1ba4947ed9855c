"""Jobs in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from egams.jobs.contract import Ended, Job, JobQueue, JobReport, Report, States, Stop, Work
from egams.jobs.own_modules import own_modules
from egams.jobs.worker import HELD_BACK, serve
from egams.processes import refuse_where_none_can_start

SECONDS_BETWEEN_LOOKS = 0.2


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


class ProcessExecutor:
    """Runs jobs in processes that stay for many: see `Executor`.

    Each process has a pipe of its own, through which nothing but jobs, reports and endings go, so
    that a process that dies is known at once, and the job it had.

    Parameters
    ----------
    workers
        Processes at a time.

    Raises
    ------
    ConfigError
        If no process can be started: see `egams.processes`.
    """

    def __init__(self, workers: int) -> None:
        refuse_where_none_can_start()
        self.workers: int | None = workers

    def run(self, work: Work, jobs: Sequence[Job], report: Report | None, stop: Stop) -> States:
        """See `Executor`."""
        queue, workers = JobQueue(jobs), _Workers(work)
        stopping = False
        try:
            while True:
                if not stopping and stop():
                    stopping = True
                    workers.ask_to_stop()
                while not stopping and len(workers.busy) < (self.workers or 1):
                    if (taken := queue.next(len(workers.busy))) is None:
                        break
                    job, begins = taken
                    workers.begin(job, fresh=bool(begins.reason))
                    yield begins
                if not workers.busy:
                    return
                for job, ended in workers.listen(report):
                    yield from queue.ended(job, ended)
        finally:
            workers.end()


class _Workers:
    """The processes there are, busy and idle."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.busy: dict[Connection, tuple[_Worker, Job]] = {}
        self.idle: list[_Worker] = []

    def begin(self, job: Job, *, fresh: bool) -> None:
        """Hand a job to an idle process, or to a fresh one that has all memory to itself."""
        while self.idle and (fresh or self.idle[-1].pipe.poll()):  # died while it was idle
            self.idle.pop().end()
        worker = self.idle.pop() if self.idle else _start(self.work)
        self.busy[worker.pipe] = (worker, job)
        with suppress(OSError):  # dead by now: `listen` will find that
            worker.pipe.send(job)

    def ask_to_stop(self) -> None:
        """Let every busy process end after what it is at."""
        for pipe in self.busy:
            with suppress(OSError):
                pipe.send(None)

    def listen(self, report: Report | None) -> list[tuple[Job, Ended]]:
        """Wait a moment for news, pass reports on, and return the jobs that ended, and how."""
        ended = []
        for pipe in wait(list(self.busy), SECONDS_BETWEEN_LOOKS):
            assert isinstance(pipe, Connection)
            worker, job = self.busy[pipe]
            news = _receive(worker)
            if isinstance(news, JobReport):
                if report is not None:
                    report(news)
                continue
            ended.append((job, news))
            del self.busy[pipe]
            if news.died or news.state == "stopped":  # it is gone, or going
                worker.end()
            else:
                self.idle.append(worker)
        return ended

    def end(self) -> None:
        """End all processes: idle ones hold nothing, and busy ones only if all must end at once."""
        for worker in [*self.idle, *(worker for worker, _ in self.busy.values())]:
            worker.end()


def _start(work: Work) -> _Worker:
    context = multiprocessing.get_context("spawn")  # forked children of torch may hang
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, work, own_modules()), daemon=True)
    with _signals_held_back():
        process.start()
    theirs.close()  # so that the pipe ends when the process does
    return _Worker(process, ours)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start a process deaf to signals: it listens once it knows what to do about them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(worker: _Worker) -> JobReport | Ended:
    try:
        news: JobReport | Ended = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        code = worker.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        reason = (
            f"the process it ran in died ({how}); memory may have run out "
            "(or a script starts trainings outside `if __name__ == '__main__':`)"
        )
        return Ended("failed", reason, died=True)
    return news
