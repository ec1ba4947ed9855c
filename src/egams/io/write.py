"""A `Run` as the long CSV of the challenge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.table import COLUMNS
from egams.run import Run


def write_csv(run: Run, path: str | Path) -> None:
    """Write time, temp, m/z and abundance, one row per scan and m/z, so that `read` gives it back.

    An m/z that was not measured has a row with an empty abundance (and the mean time and
    temperature of its scan), or scans could not always be told apart. Instrument and labels
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
    """
    import pyarrow as pa
    from pyarrow import csv

    if run.time is None or run.scan_time is None:
        raise InputError(
            f"run '{run.run_id}' has no time", expected="seconds for each scan, as the CSV needs"
        )
    columns = (
        _per_reading(run.time, run.scan_time, run),
        _per_reading(run.temperature, run.scan_temperature, run),
        np.broadcast_to(run.mz, run.abundance.shape).ravel(),
        run.abundance.ravel(),
    )
    arrays = [pa.array(values, from_pandas=True) for values in columns]
    options = csv.WriteOptions(quoting_style="none")
    csv.write_csv(pa.table(dict(zip(COLUMNS, arrays, strict=True))), path, write_options=options)


def _per_reading(values: FloatArray, scan: FloatArray, run: Run) -> FloatArray:
    """Return ``[scan * m/z]``, NaN of single readings replaced by the scan's mean."""
    if values.ndim == 1:
        return np.broadcast_to(values[:, None], run.abundance.shape).ravel()
    return np.where(np.isnan(values), scan[:, None], values).ravel()
