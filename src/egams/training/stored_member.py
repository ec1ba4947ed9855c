"""`train_stored_member`: one member, trained on whichever node, kept in shared storage."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from egams.artifact import MANIFEST
from egams.errors import ArtifactError
from egams.jobs.contract import JobReport
from egams.jobs.stopping import StoppedError, never
from egams.lock import locked
from egams.store.run_store import RunStore
from egams.study.mirror import member_name
from egams.study.records import MEMBER
from egams.study.storage import Storage
from egams.study.study import Study
from egams.training.member import MemberTask, train_member

STORES = "stores"
JOURNAL = "journal"


@dataclass(frozen=True)
class StoredTask:
    """A training whose runs and results are in shared storage.

    Parameters
    ----------
    task
        What is trained; its folders are those of another machine, and not used.
    storage
        URL of the storage.
    store, sam_like
        Fingerprints of the prepared runs and of the SAM sources there.
    """

    task: MemberTask
    storage: str
    store: str
    sam_like: str | None


def train_stored_member(
    stored: StoredTask,
    *,
    report: Callable[[JobReport], None] | None = None,
    stop: Callable[[], bool] = never,
) -> None:
    """Train a member from and into storage; one that is there already is left alone.

    The checkpoint is kept there too, so that the training can go on elsewhere. Every training that
    ends leaves a line in the journal.

    Raises
    ------
    StoppedError
        If `stop` returned True; the checkpoint is kept.
    """
    storage, task = Storage(stored.storage), stored.task
    name = member_name(task.member)
    if storage.exists(f"{name}/{MEMBER}"):
        return
    with tempfile.TemporaryDirectory(prefix="egams-training-") as scratch:
        study = Study(Path(scratch))
        sam_like = None if stored.sam_like is None else fetched_store(storage, stored.sam_like)
        store = fetched_store(storage, stored.store)
        here = replace(task, store=store, study=study.folder, sam_like=sam_like)
        checkpoint = _Kept(storage, f"{name}.checkpoint", study.checkpoint(*task.member))
        fit_folder = study.fit_folder(task.fold)
        fit = _Kept(storage, fit_folder.name, fit_folder, MANIFEST)

        def upload_then_stop() -> bool:
            fit.put_if_new()
            checkpoint.put_if_new()
            return stop()

        started = time.time()
        try:
            train_member(here, report=report, stop=upload_then_stop)
        except StoppedError:
            checkpoint.put_if_new()
            raise
        fit.put_if_new()
        _write_journal(storage, task, started)
        storage.put_folder(study.member_folder(*task.member), name, MEMBER)
        storage.remove(f"{name}.checkpoint")


class _Kept:
    """A file here and its copy in storage, or a folder, whose file `last` is put last."""

    def __init__(self, storage: Storage, name: str, here: Path, last: str | None = None) -> None:
        self._storage, self._name, self._here, self._last = storage, name, here, last
        if last is None and storage.exists(name):
            storage.get_file(name, here)
        if last is not None and storage.exists(f"{name}/{last}"):
            storage.get_folder(name, here)
        self._put = self._made()

    def put_if_new(self) -> None:
        made = self._made()
        if made == self._put:
            return
        if self._last is None:
            self._storage.put_file(self._here, self._name)
        else:
            self._storage.put_folder(self._here, self._name, self._last)
        self._put = made

    def _made(self) -> tuple[int, int]:
        file = self._here if self._last is None else self._here / self._last
        if not file.is_file():
            return (0, 0)
        known = file.stat()
        return (known.st_mtime_ns, known.st_ino)


def _write_journal(storage: Storage, task: MemberTask, started: float) -> None:
    entry = {
        "experiment": task.experiment.name,
        "fold": task.fold,
        "host": platform.node(),
        "process": os.getpid(),
        "started": started,
        "ended": time.time(),
    }
    name = f"{task.experiment.name}-fold-{task.fold}-{uuid.uuid4().hex[:8]}.json"
    storage.put_json(entry, f"{JOURNAL}/{name}")


def put_store(storage: Storage, store: Path, fingerprint: str) -> None:
    """Put prepared runs into storage, under their fingerprint, unless they are there."""
    name = f"{STORES}/{fingerprint}"
    if not storage.exists(f"{name}/{MANIFEST}"):
        storage.put_folder(store, name, MANIFEST)


def fetched_store(storage: Storage, fingerprint: str) -> Path:
    """Fetch prepared runs, once a machine: whoever comes second waits for the first.

    Raises
    ------
    ArtifactError
        If what was fetched is something else.
    """
    cache = Path(tempfile.gettempdir()) / f"egams-stores-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    folder = cache / fingerprint
    with locked(cache / f"{fingerprint}.lock"):
        try:
            RunStore.open(folder)
        except ArtifactError:  # not there yet, of an older egams, or damaged
            storage.get_folder(f"{STORES}/{fingerprint}", folder)
    found = RunStore.open(folder).fingerprint
    if found != fingerprint:
        raise ArtifactError(
            f"{folder}: holds other runs ({found}) than its name says. Remove the folder."
        )
    return folder
