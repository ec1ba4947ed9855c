"""Small runs, and every way to lay them down as files, for the tests of `egams.io`."""

from __future__ import annotations

import csv
import gzip
import zipfile
from hashlib import md5
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from egams.families import FAMILIES
from egams.io import RunSource, open_source, write_csv
from egams.run import Run
from table_samples import Dialect, text_of

BAD = "S0003"
HEADER = "time,temp,m/z,abundance"


def commercial(run_id: str, seed: int) -> Run:
    """A run with one time per scan and an m/z that one scan lacks."""
    rng = np.random.default_rng(seed)
    abundance = rng.uniform(1e-12, 1e-9, (7, 5))
    abundance[3, 2] = np.nan
    return Run(
        run_id=run_id,
        temperature=np.round(np.linspace(30, 900, 7) + rng.uniform(0, 5, 7), 3),
        mz=np.array([2.0, 4.0, 18.0, 32.0, 44.0]),
        abundance=abundance,
        time=np.arange(7) * 4.6,
        instrument="commercial",
        labels=(np.arange(len(FAMILIES)) % (seed + 2) == 0).astype(np.float32),
    )


def sam(run_id: str, seed: int) -> Run:
    """A run in which each reading has its own time and temperature, with fractional m/z."""
    rng = np.random.default_rng(seed)
    counts = np.round(rng.uniform(100, 1e6, (6, 4)))
    counts[1, 1] = counts[4, 2] = np.nan
    time = np.round(np.arange(24).reshape(6, 4) * 0.02, 2)
    gaps = np.where(np.isnan(counts), np.nan, 0.0)
    return Run(
        run_id=run_id,
        temperature=np.round(30 + time * 20, 3) + gaps,
        mz=np.array([13.9, 14.0, 35.8, 44.0]),
        abundance=counts,
        time=time + gaps,
        instrument="sam_testbed",
        labels=np.eye(len(FAMILIES), dtype=np.float32)[seed],
    )


RUNS = {
    run.run_id: run for run in (commercial("S0001", 1), sam("S0002", 2), commercial("S0004", 4))
}


def assert_same(one: Run, other: Run) -> None:
    """Compare everything but the notes."""
    for name in ("temperature", "mz", "abundance", "time", "labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.run_id, one.instrument) == (other.run_id, other.instrument)


def lay_csvs(folder: Path) -> None:
    """Write the runs and a bad one between them."""
    folder.mkdir(parents=True)
    for run in RUNS.values():
        write_csv(run, folder / f"{run.run_id}.csv")
    rows = (folder / "S0001.csv").read_text().splitlines()
    rows[4] = rows[4].replace(",", ",hot", 1)
    (folder / f"{BAD}.csv").write_text("\n".join(rows))


def lay_labels(path: Path) -> None:
    """Write labels with the families in reverse."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["sample_id", *reversed(FAMILIES)])
        for run in RUNS.values():
            assert run.labels is not None
            out.writerow([run.run_id, *(int(label) for label in reversed(run.labels))])


def lay_metadata(path: Path, features: Path) -> None:
    """Write metadata.csv for the CSVs of a folder."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            ["sample_id", "split", "instrument_type", "features_path", "features_md5_hash"]
        )
        for csv_path in sorted(features.iterdir()):
            run_id, digest = csv_path.stem, md5(csv_path.read_bytes()).hexdigest()
            kind = RUNS[run_id].instrument if run_id in RUNS else "commercial"
            split = "val" if run_id == "S0004" else "train"
            out.writerow([run_id, split, kind, f"{features.name}/{csv_path.name}", digest])


def zip_folder(folder: Path, archive: Path) -> None:
    """Pack the CSVs of a folder as the challenge does."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.iterdir()):
            out.write(path, f"{folder.name}/{path.name}")


def long_table(run: Run, *, spoil: bool = False, run_id: str | None = None) -> pa.Table:
    """The readings of a run as rows of a Parquet table; the first temperature NaN if spoilt."""
    measured = ~np.isnan(run.abundance)
    assert run.time is not None
    shape = run.abundance.shape
    time = run.time if run.time.ndim == 2 else np.broadcast_to(run.time[:, None], shape)
    temp = np.array(run.reading_temperature)[measured]
    if spoil:
        temp[0] = np.nan
    return pa.table(
        {
            "sample_id": [run_id or run.run_id] * int(measured.sum()),
            "time": time[measured],
            "temp": temp,
            "m/z": np.broadcast_to(run.mz, shape)[measured],
            "abundance": run.abundance[measured],
        }
    )


def lay_parquet(path: Path, row_group_size: int | None) -> None:
    """Write the runs and a bad one, with one row group for each run or of the size given."""
    runs = [RUNS["S0001"], RUNS["S0002"], RUNS["S0001"], RUNS["S0004"]]
    names = ["S0001", "S0002", BAD, "S0004"]
    tables = [long_table(r, spoil=n == BAD, run_id=n) for r, n in zip(runs, names, strict=True)]
    with pq.ParquetWriter(path, tables[0].schema) as out:
        if row_group_size:
            out.write_table(pa.concat_tables(tables), row_group_size=row_group_size)
        else:
            for table in tables:
                out.write_table(table)


def _folder(root: Path) -> RunSource:
    lay_csvs(root / "runs")
    lay_labels(root / "runs" / "labels.csv")
    return open_source(root / "runs")


def _zip(root: Path) -> RunSource:
    lay_csvs(root / "runs")
    zip_folder(root / "runs", root / "runs.zip")
    lay_labels(root / "my_labels.csv")
    return open_source(root / "runs.zip")


def _challenge(root: Path) -> RunSource:
    lay_csvs(root / "train_features")
    lay_labels(root / "train_labels.csv")
    lay_metadata(root / "metadata.csv", root / "train_features")
    return open_source(root, verify=True)


def _challenge_zip(root: Path) -> RunSource:
    lay_csvs(root / "train_features")
    lay_labels(root / "train_labels.csv")
    lay_metadata(root / "metadata.csv", root / "train_features")
    zip_folder(root / "train_features", root / "train_features.zip")
    (root / "train_features").rename(root / "elsewhere")
    return open_source(root, verify=True)


def _single(root: Path) -> RunSource:
    lay_labels(root / "known.csv")
    write_csv(RUNS["S0002"], root / "S0002.csv")
    return open_source(root / "S0002.csv", labels=root / "known.csv")


def _single_gz(root: Path) -> RunSource:
    lay_labels(root / "known.csv")
    write_csv(RUNS["S0001"], root / "S0001.csv")
    packed = root / "S0001.csv.gz"
    packed.write_bytes(gzip.compress((root / "S0001.csv").read_bytes()))
    return open_source(packed, labels=root / "known.csv", instrument="commercial")


def _tables(root: Path) -> RunSource:
    """One dialect for each run; the bad one has text for a temperature."""
    (root / "runs").mkdir()
    lay_labels(root / "runs" / "labels.csv")
    for run_id, suffix, dialect in (
        ("S0001", "txt", Dialect(separator="\t", decimal=",")),
        ("S0004", "tsv", Dialect(separator="\t", encoding="utf-16")),
        (BAD, "dat", Dialect(separator=";", names="plain")),
    ):
        text = text_of(RUNS.get(run_id, RUNS["S0001"]), dialect)
        data = text.replace(b"\n0.0;", b"\n0.0;x", 1) if run_id == BAD else text
        (root / "runs" / f"{run_id}.{suffix}").write_bytes(data)
    return open_source(root / "runs")


def _several(root: Path) -> RunSource:
    """A file, a folder of the others, and the file again."""
    lay_csvs(root / "runs")
    lay_labels(root / "my_labels.csv")
    (root / "runs" / "S0001.csv").rename(root / "S0001.csv")
    again = root / "runs" / ".." / "S0001.csv"
    return open_source([root / "S0001.csv", root / "runs", again], labels=root / "my_labels.csv")


def _parquet(root: Path, row_group_size: int | None = None) -> RunSource:
    lay_parquet(root / "all.parquet", row_group_size)
    lay_labels(root / "all_labels.csv")
    return open_source(root / "all.parquet")


def _memory(root: Path) -> RunSource:
    return open_source(RUNS.values())


KINDS = {
    "challenge folder": _challenge,
    "challenge zips": _challenge_zip,
    "folder": _folder,
    "zip": _zip,
    "tables": _tables,
    "several": _several,
    "csv": _single,
    "csv.gz": _single_gz,
    "parquet, a group per run": _parquet,
    "parquet, runs over groups": lambda root: _parquet(root, 10),
    "parquet, runs in one group": lambda root: _parquet(root, 10_000),
    "memory": _memory,
}
