"""`PreparedRun`: what models get of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.families import Instrument


@dataclass(frozen=True)
class PreparedRun:
    """A run after restriction, binning and baseline fit.

    Parameters
    ----------
    run_id, instrument, labels, notes
        As in `egams.run.Run`.
    temperature
        degC ``[scan]``, ascending. Scans are the run's own (commercial) or 4 degC bins (SAM).
    mz
        Whole m/z that were measured ``[m/z]``.
    abundance
        Relative to the run's largest ``[scan, m/z]``; NaN where not measured.
    baseline
        asPLS baseline, same units ``[scan, m/z]``.
    background
        Quantiles 0.001, 0.05, 0.10 and 0.20 over the scans, of abundance and of
        abundance - baseline ``[2, quantile, m/z]``.
    """

    run_id: str
    instrument: Instrument
    labels: NDArray[np.float32] | None
    temperature: FloatArray
    mz: IntArray
    abundance: FloatArray
    baseline: FloatArray
    background: FloatArray
    notes: tuple[str, ...] = ()
