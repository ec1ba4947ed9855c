"""A `Run` as the long CSV of the challenge: ``time,temp,m/z,abundance``, a row per reading."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.run import Run

COLUMNS = ("time", "temp", "m/z", "abundance")
"""Of a long table: s, degC, mass-to-charge ratio, counts/s or A."""


def write_csv(run: Run, path: str | Path) -> None:
    """Write a run so that `egams.read` gives it back.

    An m/z that was not measured has a row with an empty abundance (and the mean time and
    temperature of its scan), or scans could not always be distinguished. Instrument and labels
    have no column in this format. m/z are read back with three decimals.

    Parameters
    ----------
    run
        The run.
    path
        File to write; its stem is the run id when it is read.

    Raises
    ------
    InputError
        If the run has no time.
    DiskFullError
        If there is no space left on its disk.
    """
    from egams.artifact import written_whole

    with written_whole(Path(path)) as temporary:
        temporary.write_bytes(run_to_csv(run, unmeasured=True))


def run_to_csv(run: Run, *, unmeasured: bool = False) -> bytes:
    """Return the text of a run; rows are in order of time and, within a scan, of m/z.

    Parameters
    ----------
    run
        The run.
    unmeasured
        Whether readings that were not taken have rows, as `write_csv` writes them. Without, it is
        the challenge's own text: no such rows, and numbers as Python writes them.

    Raises
    ------
    InputError
        If the run has no time.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    if run.time is None or run.scan_time is None:
        raise InputError(
            f"run '{run.run_id}' has no time", expected="seconds for each scan, as the CSV needs"
        )
    # Row-major order is the order of time: an instrument reads its m/z one after another.
    written = np.full(run.abundance.shape, True) if unmeasured else ~np.isnan(run.abundance)
    scan, column = np.nonzero(written)

    def cells(values: FloatArray) -> Any:
        return pa.array(values, from_pandas=True) if unmeasured else _as_python(values)

    def of_readings(values: FloatArray, of_scan: FloatArray) -> Any:
        if values.ndim == 1:
            return cells(values).take(scan)
        return cells(np.where(np.isnan(values), of_scan[:, None], values)[written])

    columns = (
        of_readings(run.time, run.scan_time),
        of_readings(run.temperature, run.scan_temperature),
        cells(run.mz).take(column),
        cells(run.abundance[written]),
    )
    text = io.BytesIO()
    if not unmeasured:  # PyArrow would put the names into quotes
        text.write(f"{','.join(COLUMNS)}\n".encode())
    options = pa_csv.WriteOptions(include_header=unmeasured, quoting_style="none")
    pa_csv.write_csv(pa.table(dict(zip(COLUMNS, columns, strict=True))), text, options)
    return text.getvalue()


def _as_python(values: FloatArray) -> Any:
    """Shortest decimal text of each value as Python writes floats: ``0.0``, ``1.5e-07``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.cast(pa.array(values), pa.string())
    text = pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1.0")
    return pc.replace_substring_regex(text, r"e-(\d)$", r"e-0\1")
