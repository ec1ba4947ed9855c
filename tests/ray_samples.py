"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SMALL: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """Start two nodes and join them; yields the cluster and the node that may be killed."""
    ray = __import__("ray")
    from ray.cluster_utils import Cluster

    before = os.environ.copy()
    # Nodes import what tests import.
    os.environ["PYTHONPATH"] = ":".join(entry for entry in sys.path if entry)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args=SMALL | {"include_dashboard": False})
    try:
        second = cluster.add_node(**SMALL)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        yield cluster, second
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)
