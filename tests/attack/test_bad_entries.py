"""One bad entry of a folder is one run skipped with its reason, and the job goes on."""

from __future__ import annotations

import gzip
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import EGAMS
from egams.ensemble.bundle import load_bundle
from egams.ensemble.shards import predict_shards, read_shards
from egams.errors import InputError
from egams.io import open_source, read, write_csv
from egams.store.prepare import prepare
from prepared_samples import simulated

LATIN_1 = b"gr\xfcn.csv"
FORGED = "x\nskipped y: all is well.csv"
ENTRIES = ["dangling", "pipe", "folder", "latin-1", "newline", "escape"]
ESCAPE = "\x1b]0;owned\x07.csv"


@pytest.fixture(params=[*ENTRIES, "in a zip"])
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder or archive with one good run and one entry that is none."""
    folder = tmp_path / "runs"
    folder.mkdir()
    run = simulated(1, tiny=True)
    write_csv(run, folder / "good.csv")
    content = (folder / "good.csv").read_bytes()
    match request.param:
        case "dangling":
            (folder / "bad.csv").symlink_to(folder / "gone")
        case "pipe":
            os.mkfifo(folder / "bad.csv")
        case "folder":
            (folder / "bad.csv").mkdir()
        case "latin-1":
            (folder / os.fsdecode(LATIN_1)).write_bytes(content)
        case "newline":
            (folder / FORGED).write_bytes(content)
        case "escape":
            (folder / ESCAPE).write_bytes(content)
        case "in a zip":
            folder = packed(folder.with_suffix(".zip"), content)
    yield folder


def packed(archive: Path, content: bytes) -> Path:
    """Put runs into an archive, one under a name that is not the UTF-8 that it says."""
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("good.csv", content)
        opened.writestr("grün.csv", content)
    whole = archive.read_bytes()
    assert whole.count("grün.csv".encode()) == 2
    archive.write_bytes(whole.replace("grün.csv".encode(), b"gr\xfc\xfcn.csv"))
    return archive


def test_it_is_skipped_by_all(bad: Path, tmp_path: Path) -> None:
    store = prepare(bad, tmp_path / "store", jobs=1)
    assert store.ids == ("good",)
    assert len(store.skipped) == 1
    assert store.skipped[0].run_id.isprintable()
    again = prepare(bad, tmp_path / "store", jobs=1)
    assert again.manifest == store.manifest
    predictions = load_bundle().predict(bad, draws=1)
    predictions.to_csv(tmp_path / "out.csv")
    assert predictions.skipped == tuple(store.skipped)
    folder = predict_shards(None, bad, tmp_path / "out", draws=1, jobs=1)
    (part,) = read_shards(folder)
    assert part.skipped == predictions.skipped


def test_a_file_removed_meanwhile(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_csv(simulated(1, tiny=True), tmp_path / f"{name}.csv")
    source = open_source(tmp_path)
    (tmp_path / "a.csv").unlink()
    store = prepare(source, jobs=1)
    assert store.ids == ("b",)
    assert "a.csv: cannot be read: No such file" in store.skipped[0].reason


def test_a_file_beside_its_packed_self(tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "a.csv")
    write_csv(simulated(2, tiny=True), tmp_path / "b.csv")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    reader = read(tmp_path)
    assert len([run.run_id for run in reader]) + len(reader.skipped) == 3
    assert len(reader.skipped) <= 1


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.zip", "x.xlsx", "x.parquet", "x.mzml"])
def test_a_pipe_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="no regular file"):
        source = open_source(tmp_path / name)
        source.load(source.ids[0])


@pytest.mark.parametrize("option", ["metadata", "labels", "columns", "temperature"])
def test_a_pipe_beside_a_run_is_refused_at_once(option: str, tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "a.csv")
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="no regular file"):
        open_source(tmp_path / "a.csv", **{option: pipe})


def test_names_that_are_no_text_end_in_a_table(tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "good.csv")
    (tmp_path / os.fsdecode(LATIN_1)).write_bytes((tmp_path / "good.csv").read_bytes())
    done = subprocess.run(
        [EGAMS, "predict", str(tmp_path), "-o", str(tmp_path.parent / "out.csv"), "--draws", "1"],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    assert (tmp_path.parent / "out.csv").is_file()
    assert b"skipped gr\\xfcn" in done.stdout
    assert b"Traceback" not in done.stderr
