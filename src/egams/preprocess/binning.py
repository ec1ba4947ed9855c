"""Mean abundance in bins of 4 degC, per m/z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.conventions import BIN_COUNT, BIN_WIDTH, FIRST_BIN, LAST_BIN, MZ_COUNT
from egams.preprocess.restrict import Readings, mean_by_cell

FEWEST_BINS = 4


@dataclass(frozen=True)
class BinnedRun:
    """Traces of one run in 4 degC bins.

    Parameters
    ----------
    abundance
        ``[bin, m/z]``; NaN outside the bins between the first and the last filled one of each m/z,
        and for m/z with fewer than 4 bins, which are left out.
    first, length
        First filled bin and number of bins of each m/z ``[m/z]``; length 0 where left out.
    """

    abundance: FloatArray
    first: IntArray
    length: IntArray

    @property
    def measured(self) -> BoolArray:
        """Which m/z have a trace ``[m/z]``."""
        return self.length > 0


def bin_centres() -> FloatArray:
    """Temperature at the middle of each bin, degC ``[bin]``."""
    return (np.arange(FIRST_BIN, LAST_BIN, dtype=np.float64) + 0.5) * BIN_WIDTH


def bin_readings(readings: Readings) -> BinnedRun:
    """Average the readings of each m/z in bins of 4 degC; fill inner gaps linearly.

    Bin i holds ``i * 4 <= T < (i + 1) * 4``; empty bins at either end are dropped.
    Source: the write-up, "SAM testbed preprocessing"; its published constants.
    """
    row = np.floor(readings.temperature / BIN_WIDTH).astype(np.intp) - FIRST_BIN
    abundance = mean_by_cell(row, readings, BIN_COUNT)
    filled = ~np.isnan(abundance)
    first = filled.argmax(axis=0)
    length = np.where(filled.any(axis=0), BIN_COUNT - filled[::-1].argmax(axis=0) - first, 0)
    left_out = length < FEWEST_BINS
    length[left_out] = 0
    abundance[:, left_out] = np.nan
    with_gaps = np.flatnonzero(length > filled.sum(axis=0))
    for mz in with_gaps:
        span = np.arange(first[mz], first[mz] + length[mz])
        known = np.flatnonzero(filled[:, mz])
        abundance[span, mz] = np.interp(span, known, abundance[known, mz])
    return BinnedRun(abundance, first, length)


def traces(binned: BinnedRun) -> tuple[FloatArray, IntArray]:
    """Cut the measured traces out of a run, each moved to start at bin 0.

    Returns
    -------
    traces
        ``[trace, bin]``, as wide as the longest may be, zero after each trace's own length.
    length
        ``[trace]``.
    """
    measured = np.flatnonzero(binned.measured)
    length = binned.length[measured]
    bins = np.arange(BIN_COUNT)
    position = np.minimum(binned.first[measured, None] + bins, BIN_COUNT - 1)
    values = binned.abundance[position, measured[:, None]]
    return np.where(bins < length[:, None], values, 0.0), length


def place_traces(binned: BinnedRun, fitted: FloatArray) -> FloatArray:
    """Put traces as `traces` returns them back to where they stood ``[bin, m/z]``, else NaN."""
    placed = np.full((BIN_COUNT, MZ_COUNT), np.nan)
    for trace, mz in enumerate(np.flatnonzero(binned.measured)):
        first, length = binned.first[mz], binned.length[mz]
        placed[first : first + length, mz] = fitted[trace, :length]
    return placed


def at_temperatures(binned: BinnedRun, values: FloatArray, temperature: FloatArray) -> FloatArray:
    """Interpolate binned values from bin centres to scan temperatures, linearly, per m/z.

    Beyond the first and last centre of an m/z its end value holds.

    Parameters
    ----------
    binned
        The run, for where each trace begins and ends.
    values
        ``[bin, m/z]``.
    temperature
        degC ``[scan]``.

    Returns
    -------
    FloatArray
        ``[scan, m/z]``; NaN for m/z that were left out.
    """
    last = binned.first + np.maximum(binned.length, 1) - 1
    position = (temperature / BIN_WIDTH - 0.5 - FIRST_BIN)[:, None]
    position = np.clip(position, binned.first, last)
    lower = np.minimum(position.astype(np.intp), np.maximum(last - 1, 0))
    weight = position - lower
    columns = np.arange(values.shape[1])
    below, above = values[lower, columns], values[lower + 1, columns]
    return np.asarray(below + weight * (above - below))
