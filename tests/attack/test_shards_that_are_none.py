"""A file called `shard-N` counts as done only if it holds these runs of this job."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from egams.ensemble.shards import SHARDS, predict_shards, read_shards
from egams.errors import ArtifactError
from training_samples import labelled_runs

SETTINGS = {"runs_per_shard": 1, "jobs": 1}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two jobs on the same runs."""
    folder = tmp_path_factory.mktemp("jobs")
    runs = labelled_runs(2, 5)
    return tuple(
        predict_shards(None, runs, folder / f"{draws}", draws=draws, **SETTINGS) for draws in (1, 2)
    )


@pytest.mark.parametrize("fault", ["empty", "copy of another", "of another job"])
def test_it_is_refused(fault: str, jobs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(jobs[0], tmp_path / "out"))
    first, second = sorted((folder / SHARDS).iterdir())
    if fault == "empty":
        first.write_bytes(b"")
    else:
        shutil.copy(second if fault == "copy of another" else jobs[1] / SHARDS / first.name, first)
    with pytest.raises(ArtifactError, match=first.name):
        predict_shards(None, labelled_runs(2, 5), folder, draws=1, **SETTINGS)
    with pytest.raises(ArtifactError, match=first.name):
        list(read_shards(folder))


def test_ids_that_are_no_text_are_refused(jobs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(jobs[0], tmp_path / "out"))
    first = min((folder / SHARDS).iterdir())
    whole = pq.read_table(first)
    ids = whole["sample_id"].cast("binary")
    pq.write_table(whole.set_column(whole.column_names.index("sample_id"), "sample_id", ids), first)
    with pytest.raises(ArtifactError, match=first.name):
        list(read_shards(folder))
