"""What the student is shown of a run: its abundances in bins of 24 degC, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.conventions import FIRST_COLUMN, MZ_COUNT
from egams.preprocess.binning import bin_centres, bin_readings
from egams.preprocess.prepare_runs import PreparedRun
from egams.preprocess.restrict import Readings, mean_by_cell, restrict, scans
from egams.run import Run
from egams.spectrogram.coarse import COARSE_BINS, COARSE_STEP, CoarseRuns, without_holes


def binned_matrix(run: PreparedRun | Run) -> NDArray[np.float32]:
    """Bring a run of either instrument to bins of 24 degC: those of `egams.spectrogram.coarse`.

    A run and what was prepared from it give the same matrix.

    Returns
    -------
    NDArray
        Abundance relative to the run's largest reading ``[m/z, bin]``, m/z 0 to 99; NaN where not
        measured. An empty bin between others is interpolated.

    Raises
    ------
    InputError
        If the run cannot be used: see `egams.preprocess.restrict`.
    """
    if isinstance(run, PreparedRun):
        readings = _readings(run.temperature, run.mz, run.abundance)
    else:
        readings, every = restrict(run), np.arange(MZ_COUNT)
        if run.instrument == "commercial":
            temperature, abundance = scans(readings)
            readings = _readings(temperature, every, abundance)
        else:
            readings = _readings(bin_centres(), every, bin_readings(readings).abundance)
    place = np.rint((readings.temperature - FIRST_COLUMN) / COARSE_STEP)
    bin_ = np.clip(place, 0, COARSE_BINS - 1).astype(np.intp)
    mean = mean_by_cell(bin_, readings, COARSE_BINS).T.astype(np.float32)
    filled: NDArray[np.float32] = without_holes(mean[None])[0]
    return filled


def binned_runs(runs: Iterable[PreparedRun | Run]) -> CoarseRuns:
    """Bring several runs to bins ``[run, m/z, bin]``."""
    matrices = [binned_matrix(run) for run in runs]
    none = np.empty((0, MZ_COUNT, COARSE_BINS), np.float32)
    return CoarseRuns(np.stack(matrices) if matrices else none)


def _readings(temperature: FloatArray, mz: IntArray, abundance: FloatArray) -> Readings:
    scan, column = np.nonzero(~np.isnan(abundance))
    return Readings(temperature[scan], mz[column], abundance[scan, column])
