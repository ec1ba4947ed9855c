"""Which job is next: first tries in order, then second tries, one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from egams.jobs.contract import Ended, Job, JobState


class JobQueue:
    """Jobs that wait, and those that died and are to be tried again.

    A second try waits until nothing else runs: if memory ran out, it has all of it then.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._first = deque(jobs)
        self._second: deque[tuple[Job, str]] = deque()
        self._tried_again: set[str] = set()

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def next(self, running: int) -> tuple[Job, JobState] | None:
        """Take the next job and what to say of it, given how many run; None if there is none."""
        if self._first:
            job = self._first.popleft()
            return job, JobState(job.name, "running")
        if self._second and running == 0:
            job, reason = self._second.popleft()
            return job, JobState(job.name, "running", f"second try: {reason}")
        return None

    def ended(self, job: Job, ended: Ended) -> JobState | None:
        """Say what became of a job; None where it will be tried again."""
        if ended.died and job.name not in self._tried_again:
            self._tried_again.add(job.name)
            self._second.append((job, ended.reason))
            return None
        return ended.final(job)
