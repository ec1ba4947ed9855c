"""Executors by name."""

from __future__ import annotations

from egams.errors import ConfigError
from egams.jobs.contract import Executor
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.processes import ProcessExecutor
from egams.processes import processes

EXECUTORS = ("local", "processes", "ray")


def chosen_executor(executor: Executor | str | None, jobs: int | None, tasks: int) -> Executor:
    """Return an executor by name, or the one that is given.

    Raises
    ------
    ConfigError
        As `executor_named`; or if `jobs` stands beside an executor, which has its own.
    """
    if isinstance(executor, str | None):
        return executor_named(executor, jobs, tasks=tasks)
    if jobs is not None:
        raise ConfigError(
            f"jobs={jobs} beside an executor of your own, which has its own number; expected one "
            "or the other."
        )
    return executor


def executor_named(
    name: str | None,
    jobs: int | None = None,
    *,
    tasks: int = 2,
    address: str = "auto",
    gpus: float | None = None,
) -> Executor:
    """Return an executor.

    Parameters
    ----------
    name
        ``"local"``, ``"processes"`` or ``"ray"``; None takes processes, or local where
        one is enough: see `egams.processes.processes`.
    jobs
        Trainings at a time; None for one each core, or with Ray as many as there is room for.
    tasks
        Jobs there will be.
    address, gpus
        See `RayExecutor`.

    Raises
    ------
    ConfigError
        If there is no such executor, it does not go with the rest, or no process can be started.
    """
    if name != "ray" and (gpus or address != "auto"):
        raise ConfigError("an address and a share of a GPU are for Ray; expected executor 'ray'.")
    if name == "local" and jobs not in (None, 1):
        raise ConfigError(f"executor 'local' does one job at a time; expected no jobs, not {jobs}.")
    if name is None:
        count = processes(jobs, tasks)
        return LocalExecutor() if count == 1 else ProcessExecutor(count)
    if name == "local":
        return LocalExecutor()
    if name == "processes":
        return ProcessExecutor(processes(jobs, 2))
    if name == "ray":
        return RayExecutor(address, gpus=gpus, workers=jobs)
    raise ConfigError(f"no executor '{name}'; expected one of {', '.join(EXECUTORS)}.")
