"""What is known of runs beside their readings: metadata.csv and the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from egams.errors import InputError
from egams.families import INSTRUMENTS, Instrument
from egams.io.run_rows import read_labels, read_run_rows

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
    unread: tuple[InputError, ...] = ()
    """Why files that lie beside the data, and look like labels, could not be read as such."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a run from these data is to say of files that were not read."""
        return tuple(map(_unread_note, self.unread))

    def refuse_unread(self) -> None:
        """See that all labels beside the data could be read, where labels are what is wanted.

        Raises
        ------
        InputError
            If not: the first reason.
        """
        if self.unread:
            raise self.unread[0]

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
    metadata: Path | None,
    labels: Sequence[Path],
    instrument: str | None,
    found: Sequence[Path] = (),
) -> Annotations:
    """Read the files that there are.

    Parameters
    ----------
    metadata
        See `read_metadata`.
    labels
        Files of labels that the user named.
    instrument
        Of runs that the metadata do not name.
    found
        Files that lie beside the data and are called like labels. One that is none is kept in
        `Annotations.unread`: answers need no labels.

    Raises
    ------
    InputError
        If a file cannot be read or is not what it should be, or two files label one run.
    """
    if instrument is not None and instrument not in _BY_NAME:
        raise InputError(f"instrument '{instrument}'", expected=" or ".join(INSTRUMENTS))
    merged: dict[str, Labels] = {}
    for path in labels:
        merged |= _further_labels(path, merged)
    unread = []
    for path in found:
        try:
            merged |= _further_labels(path, merged)
        except InputError as error:
            unread.append(error)
    return Annotations(
        records=read_metadata(metadata) if metadata else {},
        labels=merged,
        instrument=_BY_NAME[instrument] if instrument else None,
        metadata_name=str(metadata or "metadata.csv"),
        unread=tuple(unread),
    )


def read_metadata(path: Path) -> dict[str, Record]:
    """Read metadata.csv: ``sample_id``, ``instrument_type``, and, where there, the others.

    Raises
    ------
    InputError
        As `egams.io.run_rows.read_run_rows`, or if an instrument is unknown.
    """
    records = {}
    for run_id, row in read_run_rows(path, ("instrument_type",)).items():
        instrument = _BY_NAME.get(row.cells["instrument_type"])
        if instrument is None:
            raise row.refusal("instrument_type", " or ".join(INSTRUMENTS))
        records[run_id] = Record(
            run_id=run_id,
            instrument=instrument,
            row=row.row,
            split=row.cells.get("split", ""),
            features_path=row.cells.get("features_path", ""),
            md5=row.cells.get("features_md5_hash", "").lower(),
        )
    return records


def _further_labels(path: Path, known: Mapping[str, Labels]) -> dict[str, Labels]:
    labels = dict(zip(*read_labels(path), strict=True))
    twice = sorted(known.keys() & labels.keys())
    if twice:
        raise InputError(
            f"run '{twice[0]}' is labelled in another file too",
            file=path,
            column="sample_id",
            expected="the labels of a run in one file",
            hint="Name the one that counts: --labels FILE.",
        )
    return {run: values.astype(np.float32) for run, values in labels.items()}


def _unread_note(error: InputError) -> str:
    file = Path(error.file or "").name
    reason = str(error).removeprefix(error.file or "").lstrip(":, ")
    return (
        f"{file}: not read as labels: {reason} If it is none, take the word 'labels' out of its "
        "name; --labels FILE names another"
    )
