"""Readers of formats: ours and one's own keep one contract, and are found by every way in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vendor_samples as vendor
from command_line import egams
from egams import check_reader, register_reader
from egams.errors import ConfigError, ContractError, InputError
from egams.io import Account, Reader, Recording, open_source, readers
from egams.io.formats import READERS
from egams.io.text import HEAD
from io_samples import HEADER, commercial

RUN = commercial("x", 1)
SAMPLES = {
    "ANDI": vendor.andi(RUN),
    "mzML": vendor.mzml(RUN),
    "Pfeiffer Quadera": vendor.quadera(RUN),
    "QuadStar": vendor.quadstar(RUN),
    "SRS RGA": vendor.srs(RUN),
}
MODULE = """
import numpy as np
from egams.errors import InputError
from egams.io import Account, Reader, Recording, register_reader

def recognises(head):
    return head.startswith(b"MINE")

def read(data, file, hints):
    try:
        rows = np.frombuffer(data[4:], "<f8").reshape(-1, 3)
    except ValueError as error:
        raise InputError("is cut off", file=file) from error
    time, mz, signal = rows.T.copy()
    return Recording(time, None, mz, signal, file, lambda row: row + 1, Account("Mine"))

mine = register_reader(Reader("Mine", recognises, read, (".mine",)))
"""


def mine(scans: int = 9) -> bytes:
    """A binary format without lines and without temperature."""
    rows = [(scan * 9.0, mz, scan * mz + 1.0) for scan in range(scans) for mz in (18.0, 44.0)]
    return b"MINE" + np.array(rows, "<f8").tobytes().replace(b"\n", b"\x0b")


@pytest.fixture(autouse=True)
def registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readers, "_REGISTERED", {})
    readers.packaged_readers.cache_clear()
    yield
    readers.packaged_readers.cache_clear()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_readers_of_egams_keep_the_contract(reader: Reader) -> None:
    run = check_reader(reader, SAMPLES[reader.name])
    np.testing.assert_allclose(run.abundance, RUN.abundance, rtol=1e-12)
    for other, sample in SAMPLES.items():
        assert reader.recognises(sample[:HEAD]) == (other == reader.name)


def is_mine(head: bytes) -> bool:
    return head.startswith(b"MINE")


def recording(**changes: object) -> Recording:
    time = np.repeat(np.arange(9.0), 2)
    mz = np.tile([18.0, 44.0], 9)
    made = Recording(time, 30 + time, mz, mz, "folder/sample", lambda row: row + 1, Account("M"))
    return replace(made, **changes)  # type: ignore[arg-type]


def good(data: bytes, file: str, hints: object) -> Recording:
    return recording()


def with_dates(data: bytes, file: str, hints: object) -> Recording:
    return recording(time=np.arange(18).astype("datetime64[s]"))


def of_another_length(data: bytes, file: str, hints: object) -> Recording:
    return recording(mz=np.arange(17.0))


def counted_from_zero(data: bytes, file: str, hints: object) -> Recording:
    return recording(line=lambda row: row)


def one_scan(data: bytes, file: str, hints: object) -> Recording:
    return recording(mz=np.arange(18.0))


def fragile(data: bytes, file: str, hints: object) -> Recording:
    return recording() if len(data) == len(mine()) else recording(time=np.zeros(3)[9:])[0]


def nameless(data: bytes, file: str, hints: object) -> Recording:
    if data == mine():
        return recording()
    raise InputError("spoilt")


def takes_all(head: bytes) -> bool:
    return True


@pytest.mark.parametrize(
    ("reader", "phrase"),
    [
        (Reader("M", takes_all, good), "takes an empty file for its own"),
        (Reader("M", is_mine, with_dates), r"its time is datetime64\[s\]"),
        (Reader("M", is_mine, of_another_length), r"its time is no array \[17\]"),
        (Reader("M", is_mine, counted_from_zero), "no whole numbers from 1 on"),
        (Reader("M", is_mine, one_scan), "is no run: .*holds one scan only"),
        (Reader("M", is_mine, fragile), "spoilt file 0 ends in TypeError"),
        (Reader("M", is_mine, nameless), "does not name the file"),
        (Reader("M", lambda head: head[:4] == b"MINE", good), "cannot be sent to a worker"),
        (Reader("M", is_mine, good, ("mine",)), "begin with a point"),
    ],
)
def test_what_breaks_the_contract_is_named(reader: Reader, phrase: str) -> None:
    check_reader(Reader("M", is_mine, good), mine())
    with pytest.raises(ContractError, match=phrase):
        check_reader(reader, mine())


def test_a_reader_of_ones_own_reads_files_folders_and_archives(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(MODULE, names)
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "a.mine").write_bytes(mine(5000))  # more than the first bytes, without a line's end
    (runs / "b.csv").write_text(f"{HEADER}\n0,30,18,1\n0,30,44,1\n9,40,18,1\n9,40,44,1\n")
    (runs / "c.mine").write_bytes(b"MINE of another kind")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(runs / "a.mine", "a.mine")
    from egams.io import Ramp

    for place in (runs, runs / "a.mine", tmp_path / "z.zip"):
        run = open_source(place, temperature=Ramp(10, 30)).load("a")
        assert run.abundance.shape == (5000, 2)
    source = open_source(runs)
    assert source.ids == ("a", "b", "c")
    assert source.load("b").mz.tolist() == [18, 44]
    with pytest.raises(InputError, match=r"c\.mine: is cut off"):
        source.load("c")
    with pytest.raises(InputError, match="holds no temperature of the sample"):
        source.load("a")
    with pytest.raises(ConfigError, match=r"no reader; expected an egams\.io\.Reader"):
        register_reader(is_mine)  # type: ignore[arg-type]


def test_the_command_line_imports_a_reader(tmp_path: Path) -> None:
    (tmp_path / "my_reader.py").write_text(MODULE)
    (tmp_path / "a.mine").write_bytes(mine())
    how = ("--ramp", 600, "--start", 30)
    shown = egams("inspect", tmp_path / "a.mine", "--import", tmp_path / "my_reader.py", *how)
    assert shown.stdout.startswith("Mine\na: 9 scans")
    assert "no format that egams reads" in egams("inspect", tmp_path / "a.mine", ok=False).stderr


def test_a_package_names_its_reader_in_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "my_readers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-readers\nVersion: 1.0\n")
    (tmp_path / "packaged_reader.py").write_text(MODULE.replace("register_reader(", "("))
    points = info / "entry_points.txt"
    points.write_text("[egams.readers]\nmine = packaged_reader:mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    readers.packaged_readers.cache_clear()
    (tmp_path / "a.mine").write_bytes(mine())
    assert open_source(tmp_path / "a.mine").ids == ("a",)
    for wrong in ("packaged_reader:gone", "packaged_reader:read"):
        points.write_text(f"[egams.readers]\nmine = {wrong}\n")
        readers.packaged_readers.cache_clear()
        with pytest.raises(ConfigError, match=r"my-readers: its reader 'mine'.*uninstall"):
            open_source(tmp_path / "a.mine")
