"""A library with any byte changed: refused in words, or all of it is as it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egams.errors import ArtifactError
from egams.library.database import check_all
from egams.library.library import Library
from library_samples import BUNDLE, file_of_runs, work_off

POSITIONS = 150


def all_of(path: Path) -> list[Any]:
    """Read everything that a library says."""
    with Library.open(path) as library:
        runs, total = library.runs(limit=-1, bundle=BUNDLE)
        works = library.works(limit=-1)
        done = library.works(["done"], limit=-1)
        files = [library.content(run.file) for run in runs]
        answers = [library.answers(run.id) for run in runs]
        found = [library.runs(search="alpha"), library.runs(call=("sulfate", "absent"), limit=1)]
        return [runs, total, works, done, files, answers, found, library.setting("place")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "lab.db"
    with Library.open(path) as library:
        for number, name in enumerate(("alpha", "beta")):
            library.submit("read", name, {}, file_of_runs(folder, name, number))
        work_off(library, "worker")
        library.set_remark(1, "the first, 100 %")
        library.confirm(2, [0, 1] * 5)
        library.set_setting("place", "bench 3")
        library.backup(folder / "copy.db")
    return folder / "copy.db"


def test_any_changed_byte_is_noticed_where_it_matters(whole: Path, tmp_path: Path) -> None:
    content, rng = whole.read_bytes(), np.random.default_rng(5)
    expected, path = all_of(shutil.copy(whole, tmp_path / "as-it-was.db")), tmp_path / "lab.db"
    refused = 0
    for place in rng.integers(len(content), size=POSITIONS):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        for left in tmp_path.glob("lab.db*"):
            left.unlink()
        path.write_bytes(damaged)
        try:
            assert all_of(path) == expected, f"byte {place}"
        except ArtifactError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused


def test_verification_reads_all_of_it(whole: Path, tmp_path: Path) -> None:
    check_all(whole, whole)
    path = tmp_path / "lab.db"
    for changed, named in (
        (b"the first, 100 %", "runs"),
        (b"bench 3", "settings"),
        (b'"probability":0.1', "answers"),
    ):
        content = whole.read_bytes()
        assert changed in content
        path.write_bytes(content.replace(changed, changed[:-1] + b"9", 1))
        with pytest.raises(ArtifactError, match=named):
            check_all(path, path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match="damaged"):
        check_all(path, path)


def test_a_backup_of_a_damaged_library_is_refused_and_the_earlier_one_stays(
    whole: Path, tmp_path: Path
) -> None:
    path, backup = tmp_path / "lab.db", tmp_path / "backup.db"
    with Library.open(shutil.copy(whole, path)) as library:
        library.backup(backup)
        before = backup.read_bytes()
        with library.writing() as db:
            db.execute("DROP TRIGGER seal_changed_runs")
            db.execute("UPDATE runs SET name = 'other' WHERE id = 1")
        with pytest.raises(ArtifactError, match="runs, id 1"):
            library.backup(backup)
    assert backup.read_bytes() == before
