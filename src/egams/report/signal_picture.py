"""All m/z of a run over temperature, as numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.conventions import HELIUM, HELIUM_SCALE, MZ_COUNT
from egams.explain.traces import Traces

FLOOR = 1e-4
"""Of the largest signal: what is below is shown as this."""
BACKGROUND = 0.1
"""Quantile over the run that is taken for the background of an m/z."""


def signal_picture(traces: Traces) -> NDArray[np.float32]:
    """Log10 of signal above background, relative to the largest ``[m/z 0 to 99, bin]``.

    NaN where an m/z was not measured. The carrier gas is a tenth, as models get it.

    Parameters
    ----------
    traces
        Of all m/z.
    """
    inside = traces.mz < MZ_COUNT
    signal: FloatArray = traces.signal[:, inside]
    above = signal - np.nanquantile(signal, BACKGROUND, axis=0)
    above[:, traces.mz[inside] == HELIUM] *= HELIUM_SCALE
    largest = float(np.nanmax(above)) or 1.0
    picture = np.full((MZ_COUNT, len(traces.temperature)), np.nan, np.float32)
    with np.errstate(invalid="ignore"):
        picture[traces.mz[inside]] = np.log10(np.clip(above / largest, FLOOR, 1.0)).T
    return picture
