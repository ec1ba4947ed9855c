"""A study on two Ray nodes: the process that asked for it is killed, then one of the nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egams.jobs.on_ray import RayExecutor
from egams.store.prepare import prepare
from egams.study.storage import Storage
from egams.study.study import MEMBER, Study
from egams.training.compute import Compute
from egams.training.cross_validation import cross_validate
from egams.training.stored_member import JOURNAL
from training_samples import labelled_runs, tiny_experiment

ray = pytest.importorskip("ray")

FOLDS = 5
SETTINGS: dict[str, Any] = {"folds": FOLDS, "draws": 2, "seed": 5}
EXPERIMENT = tiny_experiment(epochs=100)


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Any, Any]]:
    from ray_samples import two_nodes

    with two_nodes() as both:
        yield both


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nodes") / "store"
    prepare(labelled_runs(12, 0), path, jobs=1)
    return path


@pytest.fixture(scope="module")
def local(store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the local executor trains."""
    output = tmp_path_factory.mktemp("local") / "study"
    return contents(cross_validate(store_path, EXPERIMENT, output, jobs=1, **SETTINGS))


def contents(study: Study) -> dict[str, bytes]:
    paths = [*study.folder.rglob("*.safetensors"), *study.folder.rglob("*.parquet")]
    return {str(path.relative_to(study.folder)): path.read_bytes() for path in paths}


def trained(url: str) -> dict[str, int]:
    """How often each fold was trained to its end, as the journal says."""
    storage = Storage(url)
    entries = [json.loads(storage.read(name)) for name in storage.names(f"{JOURNAL}/*.json")]
    return dict(Counter(entry["fold"] for entry in entries))


DRIVER = """
import sys
from egams.training.compute import Compute
from egams.training.cross_validation import cross_validate
from egams.jobs.on_ray import RayExecutor
from test_ray_nodes import EXPERIMENT, SETTINGS

store, output, url, address = sys.argv[1:]
compute = Compute(RayExecutor(address), url)
cross_validate(store, EXPERIMENT, output, compute=compute, **SETTINGS)
"""


def test_killed_driver_and_killed_node_lose_nothing_and_nothing_is_trained_twice(
    nodes: tuple[Any, Any], store_path: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    cluster, second = nodes
    url, output = f"file://{tmp_path}/storage", tmp_path / "study"
    command = [sys.executable, "-c", DRIVER, store_path, output, url, cluster.address]
    path = ":".join([str(Path(__file__).parent), *(entry for entry in sys.path if entry)])
    driver = subprocess.Popen(
        [str(word) for word in command],
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not Storage(url).names(f"*/fold-*/{MEMBER}"):
        assert driver.poll() is None, driver.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.communicate()
    assert 0 < len(trained(url)) < FOLDS - 1

    killed, begun = threading.Event(), set[str]()

    def kill(report: Any) -> None:
        begun.add(report.job)
        if len(begun) == 2 and not killed.is_set():  # both nodes are at work
            killed.set()
            cluster.remove_node(second, allow_graceful=False)

    compute = Compute(RayExecutor(), url)
    study = cross_validate(store_path, EXPERIMENT, output, compute=compute, report=kill, **SETTINGS)
    assert killed.is_set()
    # What was lost with the node is known at once by whom it served, the cluster learns it later.
    deadline = time.monotonic() + 60
    while len([node for node in ray.nodes() if node["Alive"]]) > 1:
        assert time.monotonic() < deadline, "the node is still there"
        time.sleep(0.2)
    assert trained(url) == {str(fold): 1 for fold in range(FOLDS)}
    assert contents(study) == local
