"""What is known of runs beside their readings: metadata.csv and the labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from egams.errors import InputError
from egams.families import FAMILIES, INSTRUMENTS, Instrument
from egams.io.blob import FileBlob
from egams.io.text import HEAD, parse_header

Labels = NDArray[np.float32]
_BY_NAME: dict[str, Instrument] = dict(zip(INSTRUMENTS, get_args(Instrument), strict=True))


@dataclass(frozen=True)
class Record:
    """A row of metadata.csv; empty text where it has no such column."""

    run_id: str
    instrument: Instrument
    row: int
    split: str = ""
    features_path: str = ""
    md5: str = ""


@dataclass(frozen=True)
class Annotations:
    """Records and labels by run id, and the instrument of runs without a record."""

    records: Mapping[str, Record] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)
    instrument: Instrument | None = None
    metadata_name: str = "metadata.csv"

    def instrument_of(self, run_id: str) -> Instrument | None:
        """Return the instrument of a run; None where it has to be inferred."""
        record = self.records.get(run_id)
        return record.instrument if record else self.instrument

    def fingerprint(self, run_id: str) -> str:
        """Return what changes when the labels or the instrument of a run change."""
        labels = self.labels.get(run_id)
        known = "?" if labels is None else "".join(str(int(label)) for label in labels)
        return f"{self.instrument_of(run_id) or 'inferred'}-{known}"

    def only(self, ids: Iterable[str]) -> Annotations:
        """Return what is known of some runs."""
        kept = tuple(ids)
        return replace(
            self,
            records={i: self.records[i] for i in kept if i in self.records},
            labels={i: self.labels[i] for i in kept if i in self.labels},
        )

    def select(self, ids: Iterable[str], split: str | None) -> tuple[str, ...]:
        """Return the ids that belong to a split; all of them if `split` is None.

        Raises
        ------
        InputError
            If there is no such split, or no metadata with a column `split`.
        """
        if split is None:
            return tuple(ids)
        splits = sorted({record.split for record in self.records.values() if record.split})
        if split not in splits:
            raise InputError(
                f"no run is of split '{split}'",
                file=self.metadata_name,
                column="split",
                expected=" or ".join(splits) if splits else "metadata with a column 'split'",
            )
        return tuple(i for i in ids if i in self.records and self.records[i].split == split)


def annotations_from(
    metadata: Path | None, labels: Sequence[Path], instrument: str | None
) -> Annotations:
    """Read the files that there are.

    Raises
    ------
    InputError
        If a file cannot be read or is not what it should be, or two files label one run.
    """
    if instrument is not None and instrument not in _BY_NAME:
        raise InputError(f"instrument '{instrument}'", expected=" or ".join(INSTRUMENTS))
    return Annotations(
        records=read_metadata(metadata) if metadata else {},
        labels=_read_all_labels(labels),
        instrument=_BY_NAME[instrument] if instrument else None,
        metadata_name=str(metadata or "metadata.csv"),
    )


def read_metadata(path: Path) -> dict[str, Record]:
    """Read metadata.csv: ``sample_id``, ``instrument_type``, and, where there, the others.

    Raises
    ------
    InputError
        If a column is missing, a run stands there twice or an instrument is unknown.
    """
    rows: dict[str, int] = {}
    records: dict[str, Record] = {}
    for row, fields in _read_rows(path, ("sample_id", "instrument_type")):
        run_id = _new_id(fields["sample_id"], rows, path, row)
        rows[run_id] = row
        instrument = _BY_NAME.get(fields["instrument_type"])
        if instrument is None:
            raise InputError(
                f"unknown instrument '{fields['instrument_type']}'",
                file=path,
                row=row,
                column="instrument_type",
                expected=" or ".join(INSTRUMENTS),
            )
        records[run_id] = Record(
            run_id=run_id,
            instrument=instrument,
            row=row,
            split=fields.get("split", ""),
            features_path=fields.get("features_path", ""),
            md5=fields.get("features_md5_hash", "").lower(),
        )
    return records


def read_labels(path: Path) -> dict[str, Labels]:
    """Read labels: ``sample_id`` and a column of 0 and 1 for each family, in any order.

    Returns
    -------
    dict
        Labels in the order of FAMILIES ``[family]`` by run id.

    Raises
    ------
    InputError
        If a family is missing, a run stands there twice or a label is not 0 or 1.
    """
    rows: dict[str, int] = {}
    labels: dict[str, Labels] = {}
    for row, fields in _read_rows(path, ("sample_id", *FAMILIES)):
        run_id = _new_id(fields["sample_id"], rows, path, row)
        rows[run_id] = row
        labels[run_id] = np.array(
            [_label(fields[family], path, row, family) for family in FAMILIES], dtype=np.float32
        )
    return labels


def _read_all_labels(paths: Sequence[Path]) -> dict[str, Labels]:
    merged: dict[str, Labels] = {}
    for path in paths:
        labels = read_labels(path)
        twice = sorted(merged.keys() & labels.keys())
        if twice:
            raise InputError(
                f"run '{twice[0]}' is labelled in another file too",
                file=path,
                column="sample_id",
                expected="the labels of a run in one file",
                hint="Name the one that counts with labels=.",
            )
        merged |= labels
    return merged


def _read_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    data = FileBlob(path).read()
    names = parse_header(data[:HEAD], required, str(path))
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    next(reader)
    try:
        for fields in reader:
            if len(fields) not in (0, len(names)):
                raise InputError(
                    f"{len(fields)} fields under a header of {len(names)}",
                    file=path,
                    row=reader.line_num,
                    expected=f"{len(names)} fields in each row",
                )
            if fields:
                stripped = (text.strip() for text in fields)
                yield reader.line_num, dict(zip(names, stripped, strict=True))
    except csv.Error as error:
        raise InputError(
            f"cannot be read as a row ({error})", file=path, row=reader.line_num + 1
        ) from error


def _new_id(run_id: str, rows: Mapping[str, int], path: Path, row: int) -> str:
    problem = None
    if not run_id:
        problem = "holds no run id"
    elif run_id in rows:
        problem = f"run '{run_id}' stands here a second time (the first is row {rows[run_id]})"
    if problem:
        expected = "each run once"
        raise InputError(problem, file=path, row=row, column="sample_id", expected=expected)
    return run_id


def _label(text: str, path: Path, row: int, family: str) -> float:
    if text in ("0", "1", "0.0", "1.0"):
        return float(text)
    raise InputError(f"label {text!r}", file=path, row=row, column=family, expected="0 or 1")
