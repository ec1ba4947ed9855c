"""Bad files: what the person who made one is told, and that none can do harm."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egams.errors import InputError
from egams.io import open_source, read
from egams.run import Run
from io_samples import HEADER, RUNS, lay_csvs, lay_labels, lay_metadata, long_table

GOOD = [f"{t},{30 + t},{m},{1e-9 * m}" for t in range(4) for m in (2, 18, 44)]


def table(*, header: str = HEADER, **rows: str) -> bytes:
    """Return a CSV; ``r5="..."`` replaces the row in line 5."""
    lines = [header, *GOOD]
    for line, text in rows.items():
        lines[int(line[1:]) - 1] = text
    return "\n".join(lines).encode() + b"\n"


BAD_CSVS: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["the file is empty"]),
    "blank": (b"\n \n", ["the file is empty"]),
    "header only": (HEADER.encode(), ["a header but no rows"]),
    "no header": (
        "\n".join(GOOD).encode(),
        ["row 1", "first line holds numbers", "'time,temp,m/z,abundance'"],
    ),
    "missing": (
        table(header="time,temp,m/z,heat"),
        [
            "row 1: neither a column of abundance",
            "'time', 'temp', 'm/z', 'heat'",
            "--columns 'time",
        ],
    ),
    "twice": (table(header="time,temp,m/z,abundance,temp"), ["column 'temp'", "twice"]),
    "half of UTF-16": (table().decode().encode("utf-16")[:-1], ["begins as utf-16", "cut off"]),
    "no table": (b"hello\nworld\n", ["no table found", "docs/formats.md"]),
    "binary": (b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 20, ["holds binary data"]),
    "gzip": (gzip.compress(table()), ["holds gzip data", ".csv.gz"]),
    "text": (table(r5="1,hot,2,1"), ["row 5, column 'temp'", "'hot'", "a number"]),
    "decimal comma": (table(r5='1,"31,5",2,1'), ["row 5, column 'temp'", "with a point"]),
    "short row": (table(r6="1,31"), ["row 6", "2 fields under a header of 4"]),
    "long row": (table(r6="1,31,18,1,9"), ["row 6", "5 fields under a header of 4"]),
    "cut off": (
        table(r13="3,33,44").rstrip(),
        ["row 13", "3 fields under a header of 4", "cut off"],
    ),
    "NaN temp": (table(r4="0,nan,44,1"), ["row 4, column 'temp'", "nothing or NaN", "degC"]),
    "empty time": (table(r4=",30,44,1"), ["row 4, column 'time'", "nothing or NaN"]),
    "infinite temp": (table(r4="0,inf,44,1"), ["row 4, column 'temp'", "is infinite"]),
    "infinite time": (table(r4="-inf,30,44,1"), ["row 4, column 'time'", "is infinite"]),
    "infinite m/z": (table(r4="0,30,inf,1"), ["row 4, column 'm/z'", "is infinite"]),
    "infinite abundance": (table(r4="0,30,44,-inf"), ["row 4, column 'abundance'", "infinite"]),
    "negative m/z": (table(r4="0,30,-4,1"), ["row 4, column 'm/z'", "cannot be"]),
    "below zero kelvin": (table(r4="0,-300,44,1"), ["row 4, column 'temp'", "-273.15"]),
    "blank lines count": (table(r4="", r6="1,inf,18,1"), ["row 6, column 'temp'"]),
    "one scan": ("\n".join([HEADER, *GOOD[:3]]).encode(), ["holds one scan only", "two scans"]),
    "no abundance": (b"time,temp,m/z,abundance\n0,1,2,\n1,2,2,\n", ["holds no abundance at all"]),
    "row twice": (
        table(r6="1,31,2,2e-09"),
        ["row 6, column 'm/z'", "m/z 2 at 1 s", "row 5", "Remove the repeated rows."],
    ),
    "another reading": (
        table(r6="1,31,2,1"),
        ["row 6, column 'm/z'", "The two differ. Are several runs in the file?"],
    ),
    "all twice": (table() + "\n".join(GOOD).encode(), ["row 14, column 'time'", "start again"]),
    "runs one below the other": (
        table() + b"".join(b"%.1f,%d,18,%d\n" % (t + 0.3, 25 + t, t) for t in range(9)),
        [
            "row 14, column 'time': times start again: 0.3 s after 3 s, 25 degC after 33 degC",
            "Several runs seem to stand one below the other",
            "Write one file for each run, or all of them into one Parquet file",
        ],
    ),
    "wide runs one below the other": (
        b"t/s,T/K,m/z 18,m/z 44\n"
        + b"".join(b"%d,%d,1,2\n" % (t, 300 + t) for t in (*range(9), *range(20))),
        ["row 11, column 't/s': times start again"],
    ),
    "melted runs one below the other": (
        HEADER.encode()
        + b"".join(b"\n%d,%d,%d,1" % (t, 30 + t, m) for m in (2, 44) for t in range(9)) * 2,
        ["row 20, column 'time': times start again"],
    ),
    "two runs": (
        b"sample_id," + HEADER.encode() + b"\nA,0,1,2,3\nB,0,1,2,3\n",
        ["column 'sample_id'", "holds 2 runs (A, B, ...)", "Parquet"],
    ),
    "line without end": (b"1" * 200_000, ["row 1", "does not end"]),
    "long line later": (table() + b"1" * 200_000, ["row 14"]),
    "too many m/z": (
        b"time,temp,m/z,abundance\n"
        + b"".join(b"%d,1,%d.5,1\n" % (i, i) for i in range(9000, 0, -1)),
        ["9000 scans of 9000 different m/z"],
    ),
}


@pytest.mark.parametrize("case", BAD_CSVS)
def test_a_bad_csv_is_refused_with_place_and_reason(case: str, tmp_path: Path) -> None:
    data, phrases = BAD_CSVS[case]
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(InputError) as error:
        open_source(tmp_path / "x.csv").load("x")
    assert str(error.value).startswith(str(tmp_path / "x.csv"))
    for phrase in phrases:
        assert phrase in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + table(),
        table().replace(b"\n", b"\r\n"),
        table().replace(b"\n", b"\r"),
        table().replace(b"\n", b"\n\n"),
        table().replace(b",", b" , "),
        table().replace(b"time,temp", b'"time","temp"'),
        b"\n".join(b"x," + line for line in table().splitlines()),
        table(header="time,temperature,mz,abundance"),
        table(header="Time (s),Temp,m/z,Intensity"),
        table().replace(b",", b";"),
        table().replace(b",", b"\t"),
        table().decode().encode("utf-16"),
        table().decode().encode("utf-16-be"),
    ],
    ids=[
        *["byte order mark", "CRLF", "CR", "blank lines", "spaces", "quotes", "extra column"],
        *["renamed", "capitals", "semicolons", "tabs", "UTF-16", "UTF-16 without mark"],
    ],
)
def test_harmless_variants_are_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    assert open_source(tmp_path / "x.csv").load("x").abundance.shape == (4, 3)


def test_a_sample_that_cools_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(table(r11="3,10,2,1", r12="3,10,18,1", r13="3,10,44,1"))
    run = open_source(tmp_path / "x.csv").load("x")
    assert run.temperature.tolist() == [30, 31, 32, 10]


def test_a_clock_that_starts_again_while_it_is_heated_on_is_no_second_run(tmp_path: Path) -> None:
    rows = [f"{t % 9},{30 + t},18,{t},{t}" for t in range(18)]
    (tmp_path / "x.csv").write_text("\n".join([f"{HEADER},more", *rows]))
    with pytest.raises(InputError, match="a second reading of m/z 18"):
        open_source(tmp_path / "x.csv").load("x")
    rows = [f"{t % 9 + (t > 8) / 2},{30 + t},18,{t},{t}" for t in range(18)]
    (tmp_path / "x.csv").write_text("\n".join([f"{HEADER},more", *rows]))
    assert open_source(tmp_path / "x.csv").load("x").abundance.shape == (18, 1)


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"1" * 2**20)
    tracemalloc.start()
    with pytest.raises(InputError, match="does not end"):
        open_source(path).load("x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_what_is_no_input_at_all(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_bytes(table())
    (tmp_path / "notes.doc").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nested" / "day1").mkdir(parents=True)
    (tmp_path / "nested" / "z.zip").touch()
    for path, phrase in {
        tmp_path / "run.csv": "no such file or folder. Did you mean",
        tmp_path / "notes.doc": "no format that egams reads",
        tmp_path / "empty": "is an empty folder",
        tmp_path / "nested": "no files of runs.*To read one of these, name it: day1, z.zip",
    }.items():
        with pytest.raises(InputError, match=phrase):
            open_source(path)
    run = RUNS["S0001"]
    for runs, phrase in (
        ([], "no runs"),
        ([run, run], "two runs"),
        ([3], "a int among"),
        ([run, "S0001"], "paths and runs in one"),
    ):
        with pytest.raises(InputError, match=phrase):
            open_source(runs)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be verified"):
        open_source(tmp_path / "runs.csv", verify=True)
    with pytest.raises(InputError, match="instrument 'sam'; expected commercial or sam_testbed"):
        open_source(tmp_path / "runs.csv", instrument="sam")  # type: ignore[arg-type]


def _zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def _reason(path: Path) -> str:
    reader = read(path)
    assert list(reader) == []
    (skipped,) = reader.skipped
    return skipped.reason


def test_members_that_lead_out_of_the_archive(tmp_path: Path) -> None:
    names = ["../a.csv", "/b.csv", "x/../../c.csv", "C:\\d.csv", "..\\e.csv"]
    path = _zip_of(tmp_path / "z.zip", {**dict.fromkeys(names, table()), "good.csv": table()})
    reader = read(path)
    assert [run.run_id for run in reader] == ["good"]
    assert len(reader.skipped) == len(names)
    assert all("leads out of the archive" in skipped.reason for skipped in reader.skipped)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["z.zip"]


def test_a_member_without_a_name_is_no_run(tmp_path: Path) -> None:
    path = _zip_of(tmp_path / "z.zip", {"x.csv": table(), "good.csv": table()})
    data = path.read_bytes()
    first = data.index(b"PK\x01\x02")  # in the directory at the end: length of the name, the name
    (size,) = struct.unpack_from("<L", data, len(data) - 10)
    nameless = data[: first + 28] + b"\0\0" + data[first + 30 : first + 46] + data[first + 51 : -10]
    path.write_bytes(nameless + struct.pack("<L", size - 5) + data[-6:])
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["", "good.csv"]
    assert open_source(path).ids == ("good",)


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = table() + b"9,9,9,9\n" * 8_000_000
    path = _zip_of(tmp_path / "z.zip", {"x.csv": bomb})
    assert f"to at least {len(bomb)} bytes" in _reason(path)
    # The archive understates the size: no more than it says is unpacked.
    crafted = path.read_bytes().replace(struct.pack("<I", len(bomb)), struct.pack("<I", 1000))
    path.write_bytes(crafted)
    assert "more than" in _reason(path)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(bomb))
    assert "unpacks from" in _reason(tmp_path / "x.csv.gz")
    monkeypatch.setattr("egams.io.blob.MAX_BYTES", 1000)
    _zip_of(path, {"x.csv": table() * 10})
    (tmp_path / "x.csv").write_bytes(table() * 10)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(table() * 10 + b"#" * 70_000))
    for name in ("z.zip", "x.csv", "x.csv.gz"):
        assert "has more than" in _reason(tmp_path / name)


def test_a_flipped_byte_in_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        out.writestr("x.csv", table())
    path.write_bytes(path.read_bytes().replace(b"2,32,2,2e-09", b"2,32,2,7e-09"))
    assert "z.zip/x.csv: cannot be unpacked: it is cut off or damaged" in _reason(path)


def test_truncated_archives(tmp_path: Path) -> None:
    noisy = HEADER.encode() + b"".join(
        b"%d,30,%d,%d\n" % (t, m, hash((t, m)) % 10**9) for t in range(900) for m in (2, 4, 18)
    )
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(noisy)[:-3000])
    assert "x.csv.gz: cannot be unpacked: it is cut off or damaged" in _reason(
        tmp_path / "x.csv.gz"
    )
    path = _zip_of(tmp_path / "z.zip", {"x.csv": noisy})
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    with pytest.raises(InputError, match=r"z.zip: is not a whole zip archive: it is cut off"):
        open_source(path)
    for middle in (whole[:500] + b"\0" * 9 + whole[509:], whole[:90] + whole[91:]):
        path.write_bytes(middle)
        assert "z.zip/x.csv: cannot be unpacked" in _reason(path)


@pytest.mark.parametrize(
    ("file", "old", "new", "phrase"),
    [
        (
            "metadata.csv",
            "sam_testbed",
            "sam",
            "row 3, column 'instrument_type': run 'S0002' holds 'sam'",
        ),
        ("metadata.csv", "S0002,", "S0001,", "row 3, column 'sample_id'.*the first is row 2"),
        ("metadata.csv", "instrument_type", "instrument", "Rename 'instrument' to 'instrument_t"),
        ("metadata.csv", "train_features/S", "gone/S", "none of the 4 runs"),
        ("train_labels.csv", "chloride", "chlorides", "column 'chloride'.*'chlorides' to"),
        (
            "train_labels.csv",
            "S0002,0",
            "S0002,0.5",
            "row 3, column 'sulfide': run 'S0002' holds '0.5'",
        ),
        ("train_labels.csv", "S0002,0", "S0002,", "row 3, column 'sulfide': run 'S0002' holds ''"),
        ("train_labels.csv", "S0002,", "S0002,1,", "row 3: 12 fields under a header of 11"),
        ("train_labels.csv", "S0002", "S0001", "row 3, column 'sample_id'.*second time"),
        ("train_labels.csv", "sample_id", "id", "column 'sample_id'.*Rename 'id' to 'sample_id'"),
    ],
)
def test_metadata_and_labels(file: str, old: str, new: str, phrase: str, tmp_path: Path) -> None:
    lay_csvs(tmp_path / "train_features")
    lay_labels(tmp_path / "train_labels.csv")
    lay_metadata(tmp_path / "metadata.csv", tmp_path / "train_features")
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    named = {"labels": tmp_path / file} if "labels" in file else {}
    with pytest.raises(InputError, match=phrase) as error:
        open_source(tmp_path, **named)
    assert str(tmp_path) in str(error.value)


def test_a_features_path_that_leads_out_of_the_folder(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "root" / "train_features")
    lay_metadata(tmp_path / "root" / "metadata.csv", tmp_path / "root" / "train_features")
    path = tmp_path / "root" / "metadata.csv"
    path.write_text(path.read_text().replace("train_features/S0001", "../S0001"))
    (tmp_path / "S0001.csv").write_bytes(table())
    with pytest.raises(InputError, match=r"row 2: features_path '../S0001.csv' leads out"):
        open_source(tmp_path / "root").load("S0001")


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "train_features")
    lay_metadata(tmp_path / "metadata.csv", tmp_path / "train_features")
    path = tmp_path / "metadata.csv"
    for long in (f"{'x' * 300}/S0001.csv", f"{'y' * 253}/S0001.csv", f"{'z' * 300}.csv"):
        text = path.read_text()
        path.write_text(text.replace("train_features/S0001.csv", long))
        with pytest.raises(InputError, match=r"row 2: the features of run 'S0001' .* are not here"):
            open_source(tmp_path).load("S0001")
        path.write_text(text)
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        open_source(tmp_path / f"{'x' * 300}.csv")


def _spoilt(run: Run, **columns: list[object]) -> pa.Table:
    whole = long_table(run)
    for name, values in columns.items():
        whole = whole.set_column(whole.schema.get_field_index(name), name, [values])
    return whole


def test_bad_parquets(tmp_path: Path) -> None:
    path, run = tmp_path / "x.parquet", RUNS["S0001"]
    rows = long_table(run).num_rows
    for bad, phrase in (
        (
            long_table(run).rename_columns(
                ["sample_id", "time", "temperature", "m/z", "abundance"]
            ),
            "column 'temp': no such column.*Rename 'temperature' to 'temp'",
        ),
        (_spoilt(run, temp=["hot"] * rows), "column 'temp': is of type string"),
        (_spoilt(run, sample_id=[None] * rows), "rows without a run id"),
        (long_table(run).slice(0, 0), "holds no rows"),
    ):
        pq.write_table(bad, path)
        with pytest.raises(InputError, match=phrase):
            open_source(path)
    pq.write_table(_spoilt(run, temp=[30.0, 30.0, None, *[31.0] * (rows - 3)]), path)
    with pytest.raises(InputError, match=r"x.parquet \(run 'S0001'\), row 3, column 'temp'"):
        open_source(path).load("S0001")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("egams.io.parquet_source.MAX_GROUP_ROWS", 10)
        with pytest.raises(InputError, match=f"row group 0 has {rows} rows"):
            open_source(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut off or damaged"):
        open_source(path)
    path.write_bytes(table())
    with pytest.raises(InputError, match="cut off or damaged"):
        open_source(path)
