"""Bytes of a long CSV to `LongTable`: pyarrow reads, and Python explains what pyarrow refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from egams.errors import InputError
from egams.io.arrow import floats_of
from egams.io.stacked import MANY_RUNS
from egams.io.table import LongTable
from egams.io.text import HEAD, check_head, parse_header
from egams.memory import READING, refuse_beyond
from egams.run_csv import COLUMNS

RUN_COLUMN = "sample_id"


def readings_from_csv(data: bytes, file: str) -> LongTable:
    """Read the columns of `egams.run_csv.COLUMNS`; others are left alone.

    Parameters
    ----------
    data
        A CSV with a header, UTF-8, commas, points in numbers.
    file
        What to call it in messages.

    Raises
    ------
    InputError
        If it is no such CSV; names the row and the column.
    """
    check_head(data[:HEAD], file)
    names = parse_header(data[:HEAD], COLUMNS, file)
    refuse_beyond(2 * len(data) + READING * data.count(b"\n"), "its rows", file)
    wanted = [*COLUMNS, RUN_COLUMN] if RUN_COLUMN in names else [*COLUMNS]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            # One block and one thread: runs are small, and workers already share the cores.
            read_options=pacsv.ReadOptions(
                use_threads=False,
                block_size=max(len(data), 1024),
                column_names=_unique(names),
                skip_rows=1,
            ),
            convert_options=pacsv.ConvertOptions(
                include_columns=wanted,
                column_types={RUN_COLUMN: pa.string(), **dict.fromkeys(COLUMNS, pa.float64())},
            ),
        )
    except pa.ArrowInvalid as error:
        raise _explain(data, names, file, str(error)) from None
    if table.num_rows == 0:
        raise _no_rows(file)
    if RUN_COLUMN in wanted:
        _check_one_run(table[RUN_COLUMN], file)
    time, temp, mz, abundance = (floats_of(table[c]) for c in COLUMNS)
    return LongTable(time, temp, mz, abundance, file=file, line=partial(_line, data))


def _no_rows(file: str) -> InputError:
    return InputError("holds a header but no rows", file=file, expected="a row for each reading")


def _unique(names: Sequence[str]) -> list[str]:
    """Number columns that share a name, since pyarrow refuses them otherwise."""
    return [n if names.index(n) == i and n else f"{n} #{i}" for i, n in enumerate(names)]


def _check_one_run(column: pa.ChunkedArray, file: str) -> None:
    runs = column.unique().to_pylist()
    if len(runs) > 1:
        raise InputError(
            f"holds {len(runs)} runs ({runs[0]}, {runs[1]}, ...)",
            file=file,
            column=RUN_COLUMN,
            expected="one run in a CSV",
            hint=MANY_RUNS,
        )


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each row after the header, without blank lines."""
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace", newline="")
    reader = csv.reader(text)
    next(reader)
    for fields in reader:
        if fields:
            yield reader.line_num, fields


def _line(data: bytes, i: int) -> int:
    """Return the line in the file of the i-th row."""
    return next((line for k, (line, _) in enumerate(_rows(data)) if k == i), i + 2)


def _explain(data: bytes, names: Sequence[str], file: str, otherwise: str) -> InputError:
    """Find the row that pyarrow would not read."""
    line = 1
    try:
        for line, fields in _rows(data):
            if len(fields) != len(names):
                return InputError(
                    f"{len(fields)} fields under a header of {len(names)}",
                    file=file,
                    row=line,
                    expected=f"{len(names)} fields in each row",
                    hint="If it is the last row, the file may be cut off.",
                )
            for column in COLUMNS:
                text = fields[names.index(column)].strip()
                if not _readable(text):
                    hint = "Write numbers with a point." if "," in text else None
                    return InputError(
                        f"holds the text {text[:40]!r}",
                        file=file,
                        row=line,
                        column=column,
                        expected="a number",
                        hint=hint,
                    )
    except csv.Error as error:
        return InputError(
            f"cannot be read as a row ({error})", file=file, row=line + 1, expected="a short row"
        )
    if line == 1:
        return _no_rows(file)
    return InputError(
        f"cannot be read as CSV ({otherwise})",
        file=file,
        expected=f"a CSV with the columns {', '.join(COLUMNS)}",
    )


_NOTHING = frozenset(pacsv.ConvertOptions().null_values)


def _readable(text: str) -> bool:
    if text in _NOTHING:
        return True
    try:
        return not np.isnan(float(text)) and "_" not in text
    except ValueError:
        return False
