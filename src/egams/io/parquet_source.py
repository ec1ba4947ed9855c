"""Many runs in one long Parquet table, however they are spread over its row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from egams.errors import InputError
from egams.io.annotations import Annotations
from egams.io.arrow import floats_of
from egams.io.blob import input_errors, refuse_no_file
from egams.io.source import IndexedSource
from egams.io.table import LongTable
from egams.io.text import missing_column
from egams.memory import READING, refuse_beyond
from egams.plain import plain_text
from egams.run import Run
from egams.run_csv import COLUMNS

_RUN = "sample_id"
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
ROWS_AT_ONCE = 2**16
MAX_GROUP_ROWS = 2**25
"""Most rows of a row group; all of a group is looked through to find one run in it."""


@dataclass(frozen=True)
class ParquetSource(IndexedSource[tuple[int, ...]]):
    """Runs of a table with the columns ``sample_id``, ``time``, ``temp``, ``m/z``, ``abundance``.

    The index holds the numbers of the row groups that hold rows of each run.
    """

    def load(self, run_id: str) -> Run:
        """Return one run; reads its row groups only.

        Raises
        ------
        InputError
            If the run is unknown or bad; the row is counted from 1 within the run.
        """
        groups, path = self.find(run_id), Path(self.name)
        try:
            table = pa.concat_tables(_rows_of(run_id, self.name, groups))
            time, temp, mz, abundance = (floats_of(table[c].cast(pa.float64())) for c in COLUMNS)
        except _UNREADABLE as error:
            raise _damaged(path, error, run_id) from error
        name = f"{path} (run '{run_id}')"
        if not len(time):
            raise InputError("its name holds control characters", file=name, hint="Rename it.")
        table = LongTable(time, temp, mz, abundance, file=name, line=lambda i: i + 1)
        return self.make_run(run_id, table)

    def fingerprint(self, run_id: str) -> str:
        """Return a string that changes with the file, the labels or the instrument."""
        groups = "+".join(str(i) for i in self.find(run_id))
        size, changed = _stat(Path(self.name))
        return f"{size}-{changed}-{groups}-{self.annotations.fingerprint(run_id)}"


def _rows_of(run_id: str, name: str, groups: Sequence[int]) -> list[pa.Table]:
    """Return the rows of a run in pieces; no more of a row group is in memory than a batch."""
    found, readings = [], 0
    file = _open(Path(name), read_dictionary=[_RUN])
    for batch in _batches(file, groups, [_RUN, *COLUMNS]):
        rows = batch.filter(pc.equal(batch[_RUN].cast(pa.string()), run_id))
        found.append(pa.Table.from_batches([rows]).select(COLUMNS))
        readings += len(rows)
        refuse_beyond(readings * READING, f"the rows of run '{run_id}'", name)
    return found


def _batches(
    file: pq.ParquetFile, groups: Sequence[int], columns: list[str]
) -> Iterator[pa.RecordBatch]:
    settings = {"row_groups": list(groups), "columns": columns, "use_threads": False}
    return iter(file.iter_batches(ROWS_AT_ONCE, **settings))


def open_parquet(path: Path, annotations: Annotations, split: str | None) -> ParquetSource:
    """Look through a Parquet file for runs, reading no column but their ids.

    Raises
    ------
    InputError
        If the file is damaged, has no rows or lacks a column.
    """
    refuse_no_file(path)
    try:
        footer = _footer(path, _stat(path))
        schema = footer.schema.to_arrow_schema()
        _check_schema(schema, path)
        file = _open(path, read_dictionary=[_RUN])
        groups: dict[str, list[int]] = {}
        for i in range(footer.num_row_groups):
            _check_size(footer.row_group(i).num_rows, i, path)
            for run_id in _runs_in(file, i, path):
                groups.setdefault(run_id, []).append(i)
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    if not groups:
        raise InputError("holds no rows", file=path, expected="a row for each reading")
    return ParquetSource(
        name=str(path),
        index={run_id: tuple(found) for run_id, found in groups.items()},
        annotations=annotations,
        ids=annotations.select(groups, split),
    )


def _runs_in(file: pq.ParquetFile, group: int, path: Path) -> list[str]:
    """Return the run ids of a row group in file order."""
    # The footer's statistics would be faster, but pyarrow ends the process over damaged ones.
    found: dict[str, None] = {}
    for batch in _batches(file, [group], [_RUN]):
        ids = batch[_RUN]
        if ids.null_count:
            raise InputError(f"row group {group} has rows without a run id", file=path, column=_RUN)
        found |= dict.fromkeys(map(str, ids.unique().cast(pa.string()).to_pylist()))
    return [*map(plain_text, found)]


def _check_size(rows: int, group: int, path: Path) -> None:
    # Rows that repeat pack so well that a small file can hold more than memory does.
    if rows > MAX_GROUP_ROWS:
        raise InputError(
            f"row group {group} has {rows} rows",
            file=path,
            expected=f"at most {MAX_GROUP_ROWS}",
            hint="Write the file with smaller row groups, best one for each run.",
        )


def _check_schema(schema: pa.Schema, path: Path) -> None:
    required = (_RUN, *COLUMNS)
    missing = [column for column in required if column not in schema.names]
    if missing:
        problem, expected, hint = missing_column(missing, schema.names, required)
        raise InputError(problem, file=path, column=missing[0], expected=expected, hint=hint)
    for column in required:
        if schema.names.count(column) > 1:
            raise InputError("is there twice", file=path, column=column, expected="it once")
    for column in COLUMNS:
        kind = schema.field(column).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InputError(
                f"is of type {kind}", file=path, column=column, expected="numbers (float or double)"
            )


def _stat(path: Path) -> tuple[int, int]:
    with input_errors(str(path)):
        stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _open(path: Path, **settings: Any) -> pq.ParquetFile:
    """Open a file whose pages are compared with their checksums, where they have any."""
    footer = _footer(path, _stat(path))
    return pq.ParquetFile(path, metadata=footer, page_checksum_verification=True, **settings)


@lru_cache(maxsize=8)
def _footer(path: Path, _stat: tuple[int, int]) -> pq.FileMetaData:
    """Return the footer, parsed once per process and version of the file."""
    return pq.read_metadata(path)


def _damaged(path: Path, error: Exception, run_id: str | None = None) -> InputError:
    part = f" at run '{run_id}'" if run_id else ""
    return InputError(
        f"cannot be read as Parquet{part}: it is cut off or damaged ({error})",
        file=path,
        hint="Copy or write it again.",
    )
