"""`Traces`: ions of one run in even temperature bins, with baselines, in the run's own unit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.conventions import BIN_WIDTH, SAM_SATURATION
from egams.errors import InputError
from egams.preprocess.baseline import baseline
from egams.preprocess.binning import FEWEST_BINS
from egams.preprocess.prepare_runs import PreparedRun
from egams.run import Run

CEILING_SHARE = 0.5
"""A detector that is dead for a while after each ion misses half of them at half its ceiling."""

MAX_ITER, TOLERANCE = 500, 1e-5
"""Where a baseline of a picture stops. At 1e-3, as models have it, the last digit of a reading may
decide between two baselines; the area of one ion in thirty moved by a twentieth and more."""
FLAT = 3
"""So many equal readings in a row, at the largest of a trace, are a top cut off."""


@dataclass(frozen=True, eq=False)
class Traces:
    """Ion traces of one run, ready for peaks and figures.

    Parameters
    ----------
    run_id
        Name of the run.
    unit
        Of the signal: ``A``, ``counts/s``, or empty where it is not known.
    temperature
        Middle of each bin of 4 degC, degC ``[bin]``, ascending without gaps.
    mz
        Whole m/z ``[m/z]``, ascending.
    signal
        Mean abundance ``[bin, m/z]``; NaN outside the temperatures at which an m/z was measured.
    baseline
        asPLS, as models get it ``[bin, m/z]``.
    saturated
        Where the detector could not follow ``[bin, m/z]``.
    """

    run_id: str
    unit: str
    temperature: FloatArray
    mz: IntArray
    signal: FloatArray
    baseline: FloatArray
    saturated: BoolArray

    @property
    def above(self) -> FloatArray:
        """Signal less baseline ``[bin, m/z]``."""
        return self.signal - self.baseline

    def column(self, mz: int) -> int | None:
        """Column of the m/z `mz`; None where it was not measured."""
        found = np.flatnonzero(self.mz == mz)
        return int(found[0]) if found.size else None


def traces_of(run: Run, mz: Collection[int] | None = None) -> Traces:
    """Bin a run as SAM runs are prepared for models, and fit baselines.

    Nothing is cut off: temperatures and m/z may lie beyond those that models use.

    Parameters
    ----------
    run
        The run, of either instrument, heated or cooled.
    mz
        Whole m/z to return, where measured; None for all.

    Raises
    ------
    InputError
        If none of them was measured over 4 bins of 4 degC.
    """
    whole = np.rint(run.mz).astype(np.intp)
    wanted = np.abs(run.mz - whole) < 0.3
    if mz is not None:
        wanted &= np.isin(whole, list(mz))
    values = run.abundance[:, wanted]
    temperature = np.broadcast_to(run.reading_temperature[:, wanted], values.shape)
    kept = ~np.isnan(values)
    numbers, column = np.unique(whole[wanted], return_inverse=True)
    column = np.broadcast_to(column, values.shape)[kept]
    saturated = _saturated(run)[:, wanted][kept]
    return _binned(
        run.run_id,
        run.unit,
        numbers,
        (temperature[kept], column, values[kept], saturated),
        float(np.nanmax(np.abs(run.abundance))),
    )


def traces_of_prepared(run: PreparedRun) -> Traces:
    """Return the traces of a prepared run, in shares of its largest abundance.

    The baselines of `run` are kept. Saturation is not known of it.
    """
    row, bins = _rows(run.temperature)
    signal, fitted = (
        _filled(np.stack([_mean(row, bins, each) for each in values.T], axis=1))
        for values in (run.abundance, run.baseline)
    )
    return Traces(
        run_id=run.run_id,
        unit="",
        temperature=_centres(run.temperature, bins),
        mz=run.mz,
        signal=signal,
        baseline=np.where(np.isnan(signal), np.nan, fitted),
        saturated=np.zeros(signal.shape, np.bool_),
    )


def _binned(
    run_id: str,
    unit: str,
    mz: IntArray,
    readings: tuple[FloatArray, IntArray, FloatArray, BoolArray],
    largest: float,
) -> Traces:
    temperature, column, values, saturated = readings
    if temperature.size == 0:
        raise InputError(f"run '{run_id}': none of these m/z was measured")
    row, bins = _rows(temperature)
    signal = np.stack(
        [_mean(row[column == i], bins, values[column == i]) for i in range(len(mz))], axis=1
    )
    cut = np.zeros(signal.shape, np.bool_)
    cut[row[saturated], column[saturated]] = True
    signal = _filled(signal)
    long_enough = np.sum(~np.isnan(signal), axis=0) >= FEWEST_BINS
    if not long_enough.any():
        raise InputError(
            f"run '{run_id}': no m/z was measured over {FEWEST_BINS} bins of {BIN_WIDTH:g} degC",
            expected="a run over at least 16 degC",
        )
    signal = signal[:, long_enough]
    return Traces(
        run_id,
        unit,
        _centres(temperature, bins),
        mz[long_enough],
        signal,
        _baselines(signal, largest or 1.0),
        cut[:, long_enough],
    )


def _rows(temperature: FloatArray) -> tuple[IntArray, int]:
    row = np.floor(temperature / BIN_WIDTH).astype(np.intp)
    row -= row.min()
    return row, int(row.max()) + 1


def _centres(temperature: FloatArray, bins: int) -> FloatArray:
    first = float(np.floor(temperature.min() / BIN_WIDTH))
    return np.asarray((first + 0.5 + np.arange(bins)) * BIN_WIDTH, dtype=np.float64)


def _mean(row: IntArray, bins: int, values: FloatArray) -> FloatArray:
    """Mean of the values in each bin ``[bin]``, NaN in those without any."""
    known = ~np.isnan(values)
    total = np.bincount(row[known], weights=values[known], minlength=bins)
    count = np.bincount(row[known], minlength=bins)
    mean = np.full(bins, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _filled(signal: FloatArray) -> FloatArray:
    """Fill inner gaps of each trace linearly ``[bin, m/z]``."""
    bins = np.arange(len(signal))
    for trace in signal.T:
        known = np.flatnonzero(~np.isnan(trace))
        if known.size:
            inside = bins[known[0] : known[-1] + 1]
            trace[inside] = np.interp(inside, known, trace[known])
    return signal


def _baselines(signal: FloatArray, largest: float) -> FloatArray:
    """Fit all traces at once ``[bin, m/z]``; NaN where the signal is.

    As shares of the run's `largest` abundance, as models get them, whichever m/z are fitted.
    """
    known = ~np.isnan(signal)
    length = known.sum(0).astype(np.intp)
    packed = np.zeros(signal.T.shape)
    for trace, values, inside in zip(packed, signal.T, known.T, strict=True):
        trace[: inside.sum()] = values[inside] / largest
    fitted = baseline(packed, length, max_iter=MAX_ITER, tol=TOLERANCE)
    placed = np.full(signal.shape, np.nan)
    placed.T[known.T] = fitted[np.arange(fitted.shape[1]) < length[:, None]] * largest
    return placed


def _saturated(run: Run) -> BoolArray:
    """Readings at which the detector could not follow ``[scan, m/z]``.

    On the SAM testbed half the ceiling of counts; elsewhere a top of equal readings in a row.
    """
    values = run.abundance
    if run.instrument == "sam_testbed":
        with np.errstate(invalid="ignore"):
            return np.asarray(values >= CEILING_SHARE * SAM_SATURATION)
    top = np.nanmax(values, axis=0, initial=-np.inf)
    equal = values == top
    flat = np.zeros(values.shape, np.bool_)
    for column in np.flatnonzero((equal.sum(0) >= FLAT) & (top > 0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], equal[:, column], [False]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            flat[start:end, column] = end - start >= FLAT
    return flat
