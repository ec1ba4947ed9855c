"""Executors by name."""

from __future__ import annotations

from egams.errors import ConfigError
from egams.jobs.contract import Executor
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.processes import ProcessExecutor
from egams.processes import processes

EXECUTORS = ("local", "processes", "ray")


def choose_executor(
    executor: Executor | str | None,
    jobs: int | None = None,
    *,
    tasks: int = 2,
    address: str = "auto",
    gpus: float | None = None,
) -> Executor:
    """Return an executor by name, or the one that is given.

    Parameters
    ----------
    executor
        ``"local"``, ``"processes"`` or ``"ray"``; None takes processes, or local where one is
        enough: see `egams.processes`.
    jobs
        How many at a time; None for one each core, or with Ray as many as there is room for.
    tasks
        How many there will be.
    address, gpus
        See `RayExecutor`.

    Raises
    ------
    ConfigError
        If there is no such executor, settings contradict it, or no process can be started.
    """
    if not isinstance(executor, str | None):
        if jobs is not None:
            raise ConfigError(f"jobs={jobs} beside an executor, which has its own; expected one.")
        return executor
    if executor not in (None, *EXECUTORS):
        raise ConfigError(f"no executor '{executor}'; expected one of {', '.join(EXECUTORS)}.")
    if executor == "ray":
        return RayExecutor(address, gpus=gpus, workers=jobs)
    if gpus or address != "auto":
        raise ConfigError("an address and a share of a GPU are for Ray; expected executor 'ray'.")
    if executor == "local" and jobs not in (None, 1):
        raise ConfigError(f"executor 'local' does one job at a time; expected no jobs, not {jobs}.")
    count = processes(jobs, 2 if executor else tasks)
    if executor == "local" or (executor is None and count == 1):
        return LocalExecutor()
    return ProcessExecutor(count)
