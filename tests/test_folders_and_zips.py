"""Folders and zips of the same files: the same runs under the same names, and the rest named."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from command_line import egams
from egams.io import RunReader, open_source, write_csv
from io_samples import HEADER
from prepared_samples import simulated

ROWS = f"{HEADER}\n0,30,18,{{0}}\n0,30,44,1\n9,40,18,1\n9,40,44,1\n"
FILES = {  # in no order that a folder has
    "x.txt": ROWS.format(2),
    "notes.docx": "hello",
    "Öl & Kalk.csv": ROWS.format(3),
    "x.csv": ROWS.format(1),
    "readme.md": "hello",
    "~$x.xlsx": "Huber",
    ".hidden": "",
}


def lay(folder: Path) -> tuple[Path, Path]:
    """The files in a folder, and in a zip with what only zips have."""
    runs, archive = folder / "runs", folder / "runs.zip"
    runs.mkdir()
    with zipfile.ZipFile(archive, "w") as out:
        for name, text in FILES.items():
            (runs / name).write_text(text)
            out.writestr(name, text)
        out.writestr("old/", "")
        out.writestr("__MACOSX/._x.csv", "")
        out.writestr("old/labels.csv", "")
    return runs, archive


def test_a_zip_gives_files_the_names_that_a_folder_gives(tmp_path: Path) -> None:
    for place in lay(tmp_path):
        source = open_source(place)
        first = {run: float(source.load(run).abundance[0, 0]) for run in source.ids}
        assert first == {"x": 1, "x.txt": 2, "Öl & Kalk": 3}


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    runs, archive = lay(tmp_path)
    assert RunReader(open_source(runs)).passed_over == (str(runs / "notes.docx"),)
    # Labels lie beside a zip: those in it are not read.
    others = (f"{archive}/notes.docx", f"{archive}/old/labels.csv")
    assert RunReader(open_source(archive)).passed_over == others
    write_csv(simulated(1), tmp_path / "a.csv")
    with zipfile.ZipFile(archive, "w") as out:
        out.write(tmp_path / "a.csv", "a.csv")
        out.writestr("notes.docx", "hello")
    shown = egams("predict", archive).stdout
    assert f"not read, as no format of runs: {archive}/notes.docx\n" in shown


@pytest.mark.parametrize(
    ("written", "read"), [("Öl".encode(), "Öl"), ("Öl".encode("cp437"), "Öl"), (b"\xe4", "Σ")]
)
def test_names_that_do_not_say_their_encoding(written: bytes, read: str, tmp_path: Path) -> None:
    path, blank = tmp_path / "z.zip", b"_" * len(written)
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(f"{blank.decode()}.csv", ROWS.format(1))
    path.write_bytes(path.read_bytes().replace(blank + b".csv", written + b".csv"))
    source = open_source(path)
    assert source.ids == (read,)
    assert source.load(read).mz.tolist() == [18, 44]
