"""Jobs on the nodes of a Ray cluster."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from egams.errors import ConfigError
from egams.jobs.contract import (
    Ended,
    Job,
    JobQueue,
    JobReport,
    JobState,
    Report,
    States,
    Stop,
    Work,
    try_job,
)
from egams.jobs.own_modules import OwnModule, load_all, own_modules

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_REPORTS = 1.0
NODES_LOST = 5
"""Nodes that a job may outlive: machines that are lent go often, and that is no fault of a job."""
NODE_LOST = Ended("failed", "the node it ran on was lost", died=True)
OWN_OBJECT_STORE = 100 * 2**20
"""Bytes; jobs and reports are small, and results are files."""


class RayExecutor:
    """Runs each job as a task of Ray: see `Executor`.

    Parameters
    ----------
    address
        ``"auto"``: the cluster this machine is part of; ``"local"``: one of this machine's own,
        for as long as it takes; or ``HOST:PORT``.
    gpus
        Share of a GPU that each job is given, so that several fit on one; 0 for none. None: a
        whole one, where the cluster has any.
    workers
        Jobs at a time; None for as many as there is room for (one core each).
    """

    def __init__(
        self, address: str = "auto", *, gpus: float | None = None, workers: int | None = None
    ) -> None:
        self.address = address
        self.gpus = gpus
        self.workers = workers

    def run(self, work: Work, jobs: Sequence[Job], report: Report | None, stop: Stop) -> States:
        """See `Executor`.

        Raises
        ------
        ConfigError
            If Ray is not installed, there is no cluster, or no node has the GPU requested.
        """
        if self.address == "local" and "ray" not in sys.modules:
            _listen_here_alone()
        ray = _ray()
        with _connected(ray, self.address, self.workers):
            gpus = self._gpus(ray)
            yield from _Tasks(ray, work, jobs, gpus, self.workers).run(report, stop)

    def _gpus(self, ray: Any) -> float:
        there = max((node["Resources"].get("GPU", 0.0) for node in ray.nodes()), default=0.0)
        if self.gpus is None:
            return min(there, 1.0)
        if self.gpus > there:
            raise ConfigError(
                f"a training is to have {self.gpus:g} GPUs, and no node of the cluster has more "
                f"than {there:g}. Ask for less, train on the CPU, or let a node with a GPU join."
            )
        return self.gpus


class _Tasks:
    """The tasks of one run: which there are, and what they report."""

    def __init__(
        self, ray: Any, work: Work, jobs: Sequence[Job], gpus: float, workers: int | None
    ) -> None:
        self.ray = ray
        self.work = work
        self.queue = JobQueue(jobs)
        self.room = workers or len(jobs)
        self.submitted: dict[Any, tuple[Job, JobState]] = {}
        self.nodes_lost: Counter[str] = Counter()
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        # Beside this process, so that it lives exactly as long as someone reads it.
        mailbox = ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox)
        self.mailbox = mailbox.remote()
        self.task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_in_task)

    def run(self, report: Report | None, stop: Stop) -> States:
        stopping = False
        while True:
            if not stopping and stop():
                stopping = True
                begun = self.ray.get(self.mailbox.ask_to_stop.remote())
                # The others wait for room, and will end as soon as they begin.
                self.submitted = {
                    reference: (job, begins)
                    for reference, (job, begins) in self.submitted.items()
                    if job.name in begun
                }
            # Another node has memory of its own: second tries need not wait for quiet here.
            while (
                not stopping and len(self.submitted) < self.room and (taken := self.queue.next(0))
            ):
                self._submit(*taken)
            if not self.submitted:
                return
            ready, _ = self.ray.wait(list(self.submitted), timeout=SECONDS_BETWEEN_LOOKS)
            yield from self._news(report)
            for reference in ready:
                yield from self._end(reference)

    def _submit(self, job: Job, begins: JobState) -> None:
        # Unpacked by the task itself, once it has imported what the job may be made of.
        packed = self.ray.cloudpickle.dumps(job)
        reference = self.task.remote(self.work, packed, own_modules(), self.mailbox)
        self.submitted[reference] = (job, begins)

    def _news(self, report: Report | None) -> Iterator[JobState]:
        begins = {job.name: state for job, state in self.submitted.values()}
        for news in self.ray.get(self.mailbox.take.remote()):
            if isinstance(news, str):
                yield begins[news]
            elif report is not None:
                report(news)

    def _end(self, reference: Any) -> Iterator[JobState]:
        job, _ = self.submitted.pop(reference)
        ended = self._how(reference)
        if ended is None:  # it was not begun
            return
        self.nodes_lost[job.name] += ended is NODE_LOST
        if ended is NODE_LOST and self.nodes_lost[job.name] <= NODES_LOST:
            self._submit(job, JobState(job.name, "running", ended.reason))
        else:
            yield from self.queue.ended(job, ended)

    def _how(self, reference: Any) -> Ended | None:
        errors = self.ray.exceptions
        try:
            ended: Ended | None = self.ray.get(reference)
        except errors.RayTaskError as error:
            return Ended("failed", f"{type(error.cause).__name__}: {error.cause}")
        except errors.NodeDiedError:
            return NODE_LOST
        except errors.RayError as error:
            reason = str(error).strip().splitlines()[0]
            return Ended("failed", f"{type(error).__name__}: {reason}", died=True)
        return ended


class Mailbox:
    """What tasks report to the process that submitted them, and its request that they stop."""

    def __init__(self) -> None:
        self.news: list[JobReport | str] = []
        self.begun: set[str] = set()
        self.stopping = False

    def begin(self, job: str) -> bool:
        """Note that a job begins; returns whether it may."""
        if not self.stopping:
            self.begun.add(job)
            self.news.append(job)
        return not self.stopping

    def report(self, entry: JobReport) -> None:
        """Note how far a job is."""
        self.news.append(entry)

    def is_stopping(self) -> bool:
        """Whether jobs should stop."""
        return self.stopping

    def take(self) -> list[JobReport | str]:
        """Return what is new: reports, and names of jobs that began."""
        news, self.news = self.news, []
        return news

    def ask_to_stop(self) -> set[str]:
        """Let jobs stop; returns those that began."""
        self.stopping = True
        return self.begun


def _in_task(work: Work, packed: bytes, modules: Sequence[OwnModule], mailbox: Any) -> Ended | None:
    ray = _ray()
    load_all(modules)
    job: Job = ray.cloudpickle.loads(packed)
    if not ray.get(mailbox.begin.remote(job.name)):
        return None
    looked = reported = 0.0
    stopping = False

    def stop() -> bool:
        nonlocal looked, stopping
        if not stopping and time.monotonic() - looked > SECONDS_BETWEEN_REPORTS:
            looked = time.monotonic()
            stopping = ray.get(mailbox.is_stopping.remote())
        return stopping

    def report(entry: JobReport) -> None:
        nonlocal reported
        if entry.done == entry.total or time.monotonic() - reported > SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            ray.get(mailbox.report.remote(entry))

    return try_job(work, job, report, stop)


def _ray() -> Any:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ConfigError(
            "the executor 'ray' needs Ray, which is not installed. "
            'Install it: pip install "egams[ray]", or take another executor.'
        ) from error
    return ray


def _listen_here_alone() -> None:
    """Let a Ray that is not imported yet listen to this machine alone, and ask for a token."""
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # there and here: loopback
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def _connected(ray: Any, address: str, workers: int | None) -> Iterator[None]:
    """Join a cluster, quietly; where this process has joined one already, that is the one."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # sends nothing to its makers
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        quiet |= {"include_dashboard": False, "num_cpus": workers}
        quiet |= {"object_store_memory": OWN_OBJECT_STORE}
    with _our_signals():
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(
                f"no Ray cluster at '{address}' ({reason}). Start one (ray start --head, and "
                "ray start --address=HOST:PORT on the other nodes), or take the address 'local'."
            ) from error
    try:
        yield
    finally:
        with _our_signals():
            ray.shutdown()


@contextmanager
def _our_signals() -> Iterator[None]:
    """Keep Ray from putting its own answer to SIGTERM in place of ours."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)
