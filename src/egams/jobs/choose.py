"""Executors by name."""

from __future__ import annotations

import os

from egams.errors import ConfigError
from egams.jobs.contract import Executor
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.processes import ProcessExecutor

EXECUTORS = ("local", "processes", "ray")


def executor_named(
    name: str | None,
    jobs: int | None = None,
    *,
    address: str = "auto",
    gpus: float | None = None,
) -> Executor:
    """Return an executor.

    Parameters
    ----------
    name
        ``"local"``, ``"processes"`` or ``"ray"``; None takes processes, or local for one job.
    jobs
        Trainings at a time; None for one each core, or with Ray as many as there is room for.
    address, gpus
        See `RayExecutor`.

    Raises
    ------
    ConfigError
        If there is no such executor.
    """
    if name is None:
        name = "local" if jobs == 1 else "processes"
    if name == "local":
        return LocalExecutor()
    if name == "processes":
        return ProcessExecutor(jobs or _cores())
    if name == "ray":
        return RayExecutor(address, gpus=gpus, workers=jobs)
    raise ConfigError(f"no executor '{name}'; expected one of {', '.join(EXECUTORS)}.")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
