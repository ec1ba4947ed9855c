"""Executors by name."""

from __future__ import annotations

from egams.errors import ConfigError
from egams.jobs.contract import Executor
from egams.jobs.device import gpus_for
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.processes import ProcessExecutor
from egams.processes import processes

EXECUTORS = ("local", "processes", "ray")
JOBS_ON_A_GPU = 4
"""So many wait for each other's host code; more only divide the memory of the card."""


def choose_executor(
    executor: Executor | str | None,
    jobs: int | None = None,
    *,
    tasks: int = 2,
    address: str = "auto",
    gpus: float | None = None,
    device: str = "cpu",
) -> Executor:
    """Return an executor by name, or the one that is given.

    Parameters
    ----------
    executor
        ``"local"``, ``"processes"`` or ``"ray"``; None takes processes, or local where one is
        enough: see `egams.processes`.
    jobs
        How many at a time; None for one each core, on GPUs at most `JOBS_ON_A_GPU` each, or with
        Ray as many as there is room for.
    tasks
        How many there will be.
    address, gpus
        See `RayExecutor`.
    device
        Of the jobs, as `egams.jobs.device.device_named` takes it. On the CPU they reserve no GPU;
        among processes each is shown one GPU.

    Raises
    ------
    ConfigError
        If there is no such executor or device, settings contradict it, or no process can be
        started.
    """
    if not isinstance(executor, str | None):
        if jobs is not None:
            raise ConfigError(f"jobs={jobs} beside an executor, which has its own; expected one.")
        if isinstance(executor, RayExecutor) and executor.gpus is None and device == "cpu":
            return RayExecutor(executor.address, gpus=0.0, workers=executor.workers)
        return executor
    if executor not in (None, *EXECUTORS):
        raise ConfigError(f"no executor '{executor}'; expected one of {', '.join(EXECUTORS)}.")
    if executor == "ray":
        return RayExecutor(address, gpus=0.0 if device == "cpu" else gpus, workers=jobs)
    if gpus or address != "auto":
        raise ConfigError("an address and a share of a GPU are for Ray; expected executor 'ray'.")
    if executor == "local" and jobs not in (None, 1):
        raise ConfigError(f"executor 'local' does one job at a time; expected no jobs, not {jobs}.")
    visible, count = gpus_for(device), processes(jobs, 2 if executor else tasks)
    if visible and jobs is None:
        count = min(count, JOBS_ON_A_GPU * len(visible))
    if executor == "local" or (executor is None and count == 1):
        return LocalExecutor()
    return ProcessExecutor(count, visible)
