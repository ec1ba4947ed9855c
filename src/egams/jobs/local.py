"""Jobs in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from egams.jobs.contract import Job, JobQueue, Report, States, Stop, Work, try_job


class LocalExecutor:
    """Runs jobs here: see `Executor`.

    A job that kills its process kills this one, and one that loses the GPU loses it for all after.
    """

    workers: int | None = 1

    def run(self, work: Work, jobs: Sequence[Job], report: Report | None, stop: Stop) -> States:
        """See `Executor`."""
        queue = JobQueue(jobs)
        while not stop() and (taken := queue.next(0)):
            job, begins = taken
            yield begins
            yield from queue.ended(job, try_job(work, job, report, stop))
