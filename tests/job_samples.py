"""Work for the executor's tests, in a module that worker processes import quickly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from egams.training.executor import JobReport


def work(name: str, folder: Path, *, report: Callable[[JobReport], None] | None) -> None:
    """Leave a file that says how many threads there were; or fail, or die, as the name says."""
    import torch

    if report is not None:
        report(JobReport(name, 1, 2, 0.5))
    if name.startswith("dies"):
        os._exit(9)
    if name.startswith("fails"):
        raise ValueError(f"{name} was asked to")
    (folder / name).write_text(str(torch.get_num_threads()), encoding="utf-8")
