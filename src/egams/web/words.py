"""Words of the workbench's answers."""

from __future__ import annotations


def so_many_runs(count: int) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count} run" if count == 1 else f"{count} runs"
