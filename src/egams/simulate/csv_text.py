"""A run as the text of the challenge's CSV files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.run import Run


def run_to_csv(run: Run) -> bytes:
    """Return a run as the challenge writes it: ``time,temp,m/z,abundance``, a row per reading.

    Rows are in order of time and, within a scan, of m/z; readings that were not taken have none.

    Raises
    ------
    InputError
        If the run has no time.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    if run.time is None:
        raise InputError(f"run '{run.run_id}' has no time", expected="seconds of each scan")
    # Row-major order is the order of time: an instrument reads its m/z one after another.
    measured = ~np.isnan(run.abundance)
    scan, column = np.nonzero(measured)
    if run.time.ndim == 1:
        time, temperature = _decimals(run.time).take(scan), _decimals(run.temperature).take(scan)
    else:
        time, temperature = _decimals(run.time[measured]), _decimals(run.temperature[measured])
    table = pa.table(
        {
            "time": time,
            "temp": temperature,
            "m/z": _decimals(run.mz).take(column),
            "abundance": _decimals(run.abundance[measured]),
        }
    )
    sink = io.BytesIO(b"time,temp,m/z,abundance\n")
    sink.seek(0, io.SEEK_END)
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()


def _decimals(values: FloatArray) -> Any:
    """Shortest decimal text of each value as Python writes floats: ``0.0``, ``1.5e-07``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.cast(pa.array(values), pa.string())
    text = pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1.0")
    return pc.replace_substring_regex(text, r"e-(\d)$", r"e-0\1")
