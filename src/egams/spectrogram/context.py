"""What a run tells beside its spectrogram: background, measured m/z, how it was heated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egams.preprocess.prepared_run import PreparedRun
from egams.preprocess.restrict import MZ_COUNT

LOWEST_LEVEL = 1e-8
CONTEXT_FEATURES = 2 * MZ_COUNT + 6


def context_of(run: PreparedRun) -> NDArray[np.float32]:
    """Describe a run by what background subtraction and resampling take away.

    Returns
    -------
    NDArray
        ``[feature]``: background level of each m/z, log10 of the 0.05 quantile, 0..1 from 1e-8 of
        the run's maximum to 1 (0 where not measured); 1 where the m/z was measured; then scan
        count (log2, /10), first and last temperature (/1000 degC), median temperature step
        (log2, /10), share of m/z measured, 1 for a SAM testbed run.
    """
    level = np.zeros(MZ_COUNT)
    level[run.mz] = _level(run.background[0, 1])
    measured = np.zeros(MZ_COUNT)
    measured[run.mz] = 1.0
    steps = np.diff(run.temperature)
    run_descriptors = [
        np.log2(len(run.temperature)) / 10,
        run.temperature[0] / 1000,
        run.temperature[-1] / 1000,
        np.log2(max(float(np.median(steps)) if len(steps) else 0.0, 0.01)) / 10,
        len(run.mz) / MZ_COUNT,
        float(run.instrument == "sam_testbed"),
    ]
    return np.concatenate([level, measured, run_descriptors]).astype(np.float32)


def _level(abundance: NDArray[np.float64]) -> NDArray[np.float64]:
    level: NDArray[np.float64] = np.log10(np.clip(abundance, LOWEST_LEVEL, 1.0))
    level /= -np.log10(LOWEST_LEVEL)
    level += 1
    return level
