"""What the student is shown of a run: its abundances in bins of 4 degC, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.conventions import BIN_COUNT, MZ_COUNT
from egams.preprocess.binning import bin_readings
from egams.preprocess.prepare_runs import PreparedRun
from egams.preprocess.restrict import Readings, restrict, scans
from egams.run import Run


def binned_matrix(run: PreparedRun | Run) -> NDArray[np.float32]:
    """Bring a run of either instrument to bins of 4 degC, from 28 to 1000 degC.

    A run and what was prepared from it give the same matrix.

    Returns
    -------
    NDArray
        Abundance relative to the run's largest reading ``[m/z, bin]``, m/z 0 to 99; NaN where not
        measured.

    Raises
    ------
    InputError
        If the run cannot be used: see `egams.preprocess.restrict`.
    """
    if isinstance(run, PreparedRun):
        readings = _readings(run.temperature, run.mz, run.abundance)
    else:
        readings = restrict(run)
        if run.instrument == "commercial":
            temperature, abundance = scans(readings)
            readings = _readings(temperature, np.arange(MZ_COUNT), abundance)
    return bin_readings(readings).abundance.T.astype(np.float32)


def binned_matrices(runs: Iterable[PreparedRun | Run]) -> NDArray[np.float32]:
    """Stack the matrices of several runs ``[run, m/z, bin]``."""
    matrices = [binned_matrix(run) for run in runs]
    return np.stack(matrices) if matrices else np.empty((0, MZ_COUNT, BIN_COUNT), np.float32)


def _readings(temperature: FloatArray, mz: IntArray, abundance: FloatArray) -> Readings:
    scan, column = np.nonzero(~np.isnan(abundance))
    return Readings(temperature[scan], mz[column], abundance[scan, column])
