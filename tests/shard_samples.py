"""Work for the shards' tests, in a module that worker processes import quickly."""

from __future__ import annotations

import os
import signal
from typing import Any

from egams.ensemble.shards import ShardTask, predict_shard


def predict_shard_or_die_once(task: ShardTask, *, report: Any, stop: Any) -> None:
    """Predict a shard; the first process that comes to the second one is killed."""
    mark = task.output.parent.parent / "died"
    if "00001" in task.name and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    predict_shard(task, report=report, stop=stop)
