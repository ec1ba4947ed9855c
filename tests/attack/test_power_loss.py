"""What is written is on the disk before its name is, and its name before the call returns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from egams.artifact import move_over, write_json, written_whole
from egams.io import write_csv
from egams.store.prepare import prepare
from prepared_samples import simulated


class Disk:
    """Which files and folders reached the disk, and what was renamed, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, str]] = []
        sync = os.fsync

        def synced(handle: int) -> None:
            self.events.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
            sync(handle)

        patch.setattr(os, "fsync", synced)
        for name in ("rename", "replace"):
            patch.setattr(os, name, self.renaming(getattr(os, name)))

    def renaming(self, real: Any) -> Any:
        def renamed(source: Any, target: Any, **more: Any) -> None:
            self.events.append(("rename", Path(target).name))
            real(source, target, **more)

        return renamed


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_file(disk: Disk, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {})
    temporary = f".a.json.{os.getpid()}.tmp"
    expected = [("sync", temporary), ("rename", "a.json"), ("sync", tmp_path.name)]
    assert disk.events == expected


def test_a_folder(disk: Disk, tmp_path: Path) -> None:
    with written_whole(tmp_path / "made") as temporary:
        (temporary / "in").mkdir(parents=True)
        (temporary / "in" / "a").write_text("a")
        (temporary / "b").write_text("b")
    synced = [name for what, name in disk.events if what == "sync"]
    assert set(synced[:-1]) == {"a", "b", "in", f".made.{os.getpid()}.tmp"}
    assert disk.events[-2:] == [("rename", "made"), ("sync", tmp_path.name)]


def test_a_store(disk: Disk, tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "a.csv")
    prepare(tmp_path / "a.csv", tmp_path / "store", jobs=1)
    names = [name for what, name in disk.events]
    assert names.index("runs.bin") < names.index("store")
    assert disk.events[-1] == ("sync", tmp_path.name)


def artifact(folder: Path, content: str) -> Path:
    folder.mkdir()
    write_json(folder / "manifest.json", {"kind": "poem", "egams_version": "0"})
    (folder / "content").write_text(content)
    return folder


def test_there_is_no_moment_without_a_whole_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = artifact(tmp_path / "target", "0")

    def watched(real: Any) -> Any:
        def renamed(*given: Any, **more: Any) -> None:
            real(*given, **more)
            assert (target / "content").is_file()

        return renamed

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    move_over(artifact(tmp_path / "source", "1"), target)
    assert (target / "content").read_text() == "1"
    assert list(tmp_path.iterdir()) == [target]
