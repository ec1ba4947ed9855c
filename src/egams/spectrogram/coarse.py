"""Runs in bins of 24 degC: coarse enough to keep of every training run, and to mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import BoolArray, IntArray, to_numpy
from egams.conventions import FIRST_COLUMN, MZ_COUNT
from egams.spectrogram.context import Context, background_at
from egams.spectrogram.resident import NOT_MEASURED, ResidentRuns

COARSE_STEP = 24.0
COARSE_BINS = 41
"""Bin i is about ``30 + 24 i`` degC."""
WARM_START = 1
COLD_END = COARSE_BINS - 2
"""First and last bin that a run must reach to count as heated from the start and to the end."""
LEVELS = 255
LEAST = 1e-7
"""What is packed: so many levels from this on, relative to the run's largest, to 1."""
RUNS_AT_ONCE = 16
"""So many stay in the cache."""


@dataclass(frozen=True)
class CoarseRuns:
    """Mean abundances in bins of 24 degC.

    Parameters
    ----------
    abundance
        Relative to the run's largest; NaN where an m/z was not measured, and before the first and
        after the last scan ``[run, m/z, bin]``.
    """

    abundance: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.abundance)

    def __getitem__(self, runs: IntArray | slice) -> CoarseRuns:
        return CoarseRuns(self.abundance[runs])

    @property
    def measured(self) -> BoolArray:
        """Which m/z were measured ``[run, m/z]``."""
        return np.asarray(~np.isnan(self.abundance).all(2))

    @property
    def heated(self) -> BoolArray:
        """Which bins each run was heated through ``[run, bin]``."""
        return np.asarray(~np.isnan(self.abundance).all(1))


@dataclass(frozen=True, order=True)
class Mask:
    """What of a run counts.

    Parameters
    ----------
    mz
        m/z that do, ascending.
    first, last
        First and last bin that do.
    """

    mz: tuple[int, ...]
    first: int
    last: int

    def applied(self, runs: CoarseRuns) -> NDArray[np.float32]:
        """Return abundances of what counts ``[run, m/z, bin]``."""
        kept: NDArray[np.float32] = runs.abundance[:, list(self.mz), self.first : self.last + 1]
        return kept

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == EVERYTHING


EVERYTHING = Mask(tuple(range(MZ_COUNT)), 0, COARSE_BINS - 1)


def coarse_runs(runs: ResidentRuns, positions: IntArray) -> CoarseRuns:
    """Average the scans of each bin; an empty bin between others is interpolated.

    Parameters
    ----------
    runs
        Prepared runs.
    positions
        Which of them ``[run]``.
    """
    parts = [
        _coarse(runs, positions[start : start + RUNS_AT_ONCE])
        for start in range(0, len(positions), RUNS_AT_ONCE)
    ]
    return CoarseRuns(without_holes(np.concatenate(parts)))


def _coarse(runs: ResidentRuns, positions: IntArray) -> NDArray[np.float32]:
    count = to_numpy(runs.scan_count)[positions]
    first = to_numpy(runs.first_scan)[positions]
    ends = np.cumsum(count)
    row = np.arange(count.sum()) + np.repeat(first - (ends - count), count)
    place = (to_numpy(runs.temperature)[row] - FIRST_COLUMN) / COARSE_STEP
    bin_ = np.clip(np.rint(place), 0, COARSE_BINS - 1).astype(np.intp)
    cell = np.repeat(np.arange(len(positions)) * COARSE_BINS, count) + bin_
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    above = to_numpy(runs.scans)[row]
    above[above == NOT_MEASURED] = np.nan
    mean = np.add.reduceat(above, starts, axis=0) / np.diff(starts, append=len(above))[:, None]
    context = Context.decode(to_numpy(runs.context)[positions])
    measured = context.measured[cell[starts] // COARSE_BINS]
    for some in np.flatnonzero((np.isnan(mean) & measured).any(1)):
        readings = above[starts[some] : cell.searchsorted(cell[starts[some]], "right")]
        known = ~np.isnan(readings)
        total = np.where(known, readings, 0).sum(0)
        mean[some] = np.divide(total, known.sum(0), out=mean[some], where=known.any(0))
    filled = np.full((len(positions) * COARSE_BINS, MZ_COUNT), np.nan, np.float32)
    filled[cell[starts]] = mean
    lowest = background_at(context.level) - to_numpy(runs.background)[positions, 0, 1]
    lowest = np.where(context.measured, lowest, np.nan).astype(np.float32)
    abundance = filled.reshape(len(positions), COARSE_BINS, MZ_COUNT) + lowest[:, None]
    return np.ascontiguousarray(abundance.transpose(0, 2, 1))


def masks_of(runs: CoarseRuns, usual_mz: IntArray) -> list[Mask]:
    """Return what counts of each run: all but what it lacks of the usual, in pairs of bins.

    Parameters
    ----------
    runs
        Any number.
    usual_mz
        m/z that runs usually measure; a run without others lacks nothing.
    """
    measured, heated = runs.measured, runs.heated
    masks = []
    for of_mz, of_bins in zip(measured, heated, strict=True):
        lacks = ~of_mz[usual_mz]
        mz = tuple(np.flatnonzero(of_mz).tolist()) if lacks.any() else EVERYTHING.mz
        first, last = (int(np.flatnonzero(of_bins)[end]) for end in (0, -1))
        # In whole pairs of bins: fewer masks, and runs that differ by one bin share theirs.
        first = 0 if first <= WARM_START else first + first % 2
        last = COARSE_BINS - 1 if last >= COLD_END else last - (last + 1) % 2
        masks.append(Mask(mz, first, max(last, first)))
    return masks


def packed(runs: CoarseRuns) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return runs in a fifth of the memory, rounded to 3 %: the inverse of `unpacked`.

    Parameters
    ----------
    runs
        Any number.

    Returns
    -------
    lowest
        Smallest abundance of each m/z; -1 where it was not measured ``[run, m/z]``.
    excess
        Logarithm of what is above it; 0 where not measured ``[run, m/z, bin]``.
    """
    lowest = np.where(runs.measured, _known(runs.abundance).min(2), -1)
    excess = np.nan_to_num(runs.abundance - lowest[:, :, None])
    level = 1 + np.rint((LEVELS - 1) * np.log(np.maximum(excess / LEAST, 1)) / -np.log(LEAST))
    levels = np.where(np.isnan(runs.abundance), 0, np.minimum(level, LEVELS))
    return lowest.astype(np.float32), levels.astype(np.uint8)


def unpacked(lowest: NDArray[np.float32], excess: NDArray[np.uint8]) -> CoarseRuns:
    """Return runs from what `packed` made of them.

    Parameters
    ----------
    lowest, excess
        As `packed` returns them.
    """
    above = np.float32(LEAST) ** (1 - (np.arange(LEVELS + 1, dtype=np.float32) - 1) / (LEVELS - 1))
    above[0], above[1] = np.nan, 0
    return CoarseRuns(np.asarray(lowest[:, :, None] + above[excess], np.float32))


def _known(abundance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Abundances with infinity for what is not known, so that a minimum is of what is."""
    return np.where(np.isnan(abundance), np.float32(np.inf), abundance)


def without_holes(abundance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate, in place, empty bins between others ``[run, m/z, bin]``."""
    known = ~np.isnan(abundance)
    before, after = np.maximum.accumulate(known, 2), np.maximum.accumulate(known[..., ::-1], 2)
    between = before & after[..., ::-1]
    for run, mz in np.argwhere((between & ~known).any(2)).tolist():
        here, bins = known[run, mz], np.flatnonzero(between[run, mz])
        abundance[run, mz, bins] = np.interp(bins, np.flatnonzero(here), abundance[run, mz, here])
    return abundance
