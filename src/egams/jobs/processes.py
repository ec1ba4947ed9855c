"""Jobs in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from egams.jobs.contract import Ended, Job, JobQueue, JobReport, Report, States, Stop, Work
from egams.jobs.device import VISIBLE_GPUS
from egams.jobs.own_modules import own_modules
from egams.jobs.worker import serve
from egams.processes import refuse_where_none_can_start, signals_held_back

SECONDS_BETWEEN_LOOKS = 0.2


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    gpu: str | None

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
    gpus
        As `egams.jobs.device.gpus_for` names them: each process is shown one, all of them equally
        often. Empty where jobs need none.

    Raises
    ------
    ConfigError
        If no process can be started: see `egams.processes`.
    """

    def __init__(self, workers: int, gpus: Sequence[str] = ()) -> None:
        refuse_where_none_can_start()
        self.workers: int | None = workers
        self.gpus = tuple(gpus)

    def run(self, work: Work, jobs: Sequence[Job], report: Report | None, stop: Stop) -> States:
        """See `Executor`."""
        queue, workers = JobQueue(jobs), _Workers(work, self.gpus)
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

    def __init__(self, work: Work, gpus: Sequence[str]) -> None:
        self.work = work
        self.gpus: Sequence[str | None] = gpus or (None,)
        self.busy: dict[Connection, tuple[_Worker, Job]] = {}
        self.idle: list[_Worker] = []

    def begin(self, job: Job, *, fresh: bool) -> None:
        """Hand a job to an idle process, or to a fresh one that has all memory to itself."""
        for worker in [each for each in self.idle if fresh or each.pipe.poll()]:  # died while idle
            self.idle.remove(worker)
            worker.end()
        busy = Counter(worker.gpu for worker, _ in self.busy.values())
        gpu = min(self.gpus, key=busy.__getitem__)
        ready = [each for each in self.idle if each.gpu == gpu]
        if ready:
            self.idle.remove(ready[0])
        worker = ready[0] if ready else _start(self.work, gpu)
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


def _start(work: Work, gpu: str | None) -> _Worker:
    context = multiprocessing.get_context("spawn")  # forked children of torch may hang
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, work, own_modules()), daemon=True)
    with signals_held_back(), _visible(gpu):
        process.start()
    theirs.close()  # so that the pipe ends when the process does
    return _Worker(process, ours, gpu)


@contextmanager
def _visible(gpu: str | None) -> Iterator[None]:
    """Let processes that start see one GPU only, as their first."""
    if gpu is None:
        yield
        return
    before = os.environ.copy()
    os.environ[VISIBLE_GPUS] = gpu
    try:
        yield
    finally:
        del os.environ[VISIBLE_GPUS]
        os.environ.update(before)


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
