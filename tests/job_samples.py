"""Work for the executors' tests, in a module that worker processes import quickly."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from egams.jobs.contract import JobReport
from egams.jobs.stopping import StoppedError

STEPS = 4


def work(
    name: str, folder: Path, *, report: Callable[[JobReport], None] | None, stop: Callable[[], bool]
) -> None:
    """Report once, and leave a file that says how many threads there are, by torch for job "c".

    Or, as the name begins: fail, die, be out of memory, lose the GPU (always or ``-once``), or
    wait for a stop.
    Every try leaves a mark of its process.
    """
    if report is not None:
        report(JobReport(name, 1, 2, 0.5))
    first = not list(folder.glob(f"{name}.try-*"))
    (folder / f"{name}.try-{time.monotonic_ns()}").write_text(str(os.getpid()))
    if first or not name.endswith("-once"):
        if name.startswith("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("hungry"):
            raise MemoryError(f"{name} has eaten it")
        if name.startswith("hogs"):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: 8 bytes")
        if name.startswith("halts"):
            import torch

            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        if name.startswith("fails"):
            raise ValueError(f"{name} was asked to")
    if name.startswith("waits"):
        deadline = time.monotonic() + 60
        while not stop():
            assert time.monotonic() < deadline, "nobody asked for a stop"
            time.sleep(0.01)
        (folder / f"checkpoint-{name}").touch()
        raise StoppedError("stopped after 1 of 2")
    (folder / name).write_text(threads_of_torch() if name == "c" else os.environ["OMP_NUM_THREADS"])


def threads_of_torch() -> str:
    import torch

    return str(torch.get_num_threads())


def on_device(name: str, folder: Path, device: str, **_: object) -> None:
    """Leave a file that says how many GPUs this process sees.

    Before, on the first try, run out of the device's memory or lose it, as the name says.
    """
    import torch

    first = not (folder / f"{name}.tried").exists()
    (folder / f"{name}.tried").touch()
    if first and name == "hogs":
        torch.empty(2**50, device=device)
    if first and name == "halts":  # an index past the end: a GPU is lost by it
        print(torch.zeros(4, device=device)[torch.tensor([2**20], device=device)].sum())
    assert float(torch.ones(1000, device=device).sum()) == 1000
    (folder / name).write_text(str(torch.cuda.device_count()), encoding="utf-8")


def note_gpu(name: str, folder: Path, **_: object) -> None:
    """Leave a file that says which GPUs this process may see, as far as it was told."""
    (folder / name).write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), encoding="utf-8")
