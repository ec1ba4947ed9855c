"""The CSVs of the challenge: a `Run` as a long table, probabilities of many runs as a wide one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.artifact import written_whole
from egams.errors import InputError
from egams.families import FAMILIES
from egams.io.table import COLUMNS
from egams.logloss import truth_probability
from egams.run import Run

ID = "sample_id"


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
    from pyarrow import csv as arrow_csv

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
    options = arrow_csv.WriteOptions(quoting_style="none")
    table = pa.table(dict(zip(COLUMNS, arrays, strict=True)))
    arrow_csv.write_csv(table, path, write_options=options)


def _per_reading(values: FloatArray, scan: FloatArray, run: Run) -> FloatArray:
    """Return ``[scan * m/z]``, NaN of single readings replaced by the scan's mean."""
    if values.ndim == 1:
        return np.broadcast_to(values[:, None], run.abundance.shape).ravel()
    return np.where(np.isnan(values), scan[:, None], values).ravel()


def write_submission(path: str | Path, run_ids: Sequence[str], probabilities: ArrayLike) -> None:
    """Write probabilities in the challenge's layout, to a temporary name and renamed.

    Every number is written with the digits that bring the same float64 back.

    Parameters
    ----------
    path
        CSV file to write.
    run_ids
        Name of each run.
    probabilities
        ``[run, family]``.

    Raises
    ------
    InputError
        If shapes disagree, a run appears twice, or a probability is NaN or outside 0..1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(run_ids), len(FAMILIES)):
        raise InputError(
            f"{len(run_ids)} runs, probabilities of shape {p.shape}", expected="[run, family]"
        )
    if len(set(run_ids)) < len(run_ids):
        raise InputError("a run appears twice", expected="each run once")
    if p.size:
        truth_probability(np.zeros(p.shape), p)
    with (
        written_whole(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([ID, *FAMILIES])
        writer.writerows([name, *row] for name, row in zip(run_ids, p.tolist(), strict=True))
