"""The far side of `ProcessExecutor`: a process that does one job after the other."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from egams.jobs.contract import Job, JobReport, Work, try_job
from egams.jobs.own_modules import OwnModule, load_all
from egams.processes import hear_signals


def serve(pipe: Connection, work: Work, modules: Sequence[OwnModule] = ()) -> None:
    """Do the jobs that arrive, and send back reports and how each ended.

    Modules of one's own are imported first: jobs may need the models they register.

    Whatever arrives while a job runs means that it should stop: a message to end, or the end of
    the pipe, which comes when the process at the other side dies. So nothing outlives it.
    """
    terminated: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: terminated.append(number))
    # A terminal sends Ctrl-C to every process: it is for the parent to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_signals()
    load_all(modules)

    def stop() -> bool:
        return bool(terminated) or pipe.poll()

    def report(entry: JobReport) -> None:
        with suppress(OSError):  # nobody listens any more; `stop` notices too
            pipe.send(entry)

    while not terminated:
        try:
            job: Job | None = pipe.recv()
        except (EOFError, OSError):
            return
        if job is None:
            return
        ended = try_job(work, job, report, stop)
        with suppress(OSError):
            pipe.send(ended)
        if ended.died:
            return  # a fresh process has all its memory
