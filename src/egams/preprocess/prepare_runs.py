"""Runs to `PreparedRun`, what models get: restricted, binned, with baseline and background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.conventions import BACKGROUND_QUANTILES, BIN_COUNT
from egams.errors import InputError
from egams.families import Instrument
from egams.preprocess.baseline import baseline
from egams.preprocess.binning import (
    BinnedRun,
    at_temperatures,
    bin_centres,
    bin_readings,
    place_traces,
    traces,
)
from egams.preprocess.restrict import restrict, scans
from egams.run import Run


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


@dataclass(frozen=True)
class _Restricted:
    run: Run
    temperature: FloatArray
    abundance: FloatArray
    binned: BinnedRun


def prepare_runs(runs: Sequence[Run]) -> list[PreparedRun | InputError]:
    """Prepare runs together: one batched baseline fit serves them all.

    The result of a run does not depend on the runs beside it. A run that cannot be used gives the
    error in its place instead of a prepared run.

    Source: the write-up, "Data Preprocessing" to "Background subtraction".
    """
    restricted = [_restrict(run) for run in runs]
    good = [entry for entry in restricted if isinstance(entry, _Restricted)]
    cut = [traces(entry.binned) for entry in good]
    nothing = np.empty((0, BIN_COUNT)), np.empty(0, dtype=np.intp)
    values, lengths = map(np.concatenate, zip(nothing, *cut, strict=True))
    ends = np.cumsum([len(length) for _, length in cut], dtype=np.intp)
    fits = iter(np.split(baseline(values, lengths), ends))
    return [
        _finish(entry, next(fits)) if isinstance(entry, _Restricted) else entry
        for entry in restricted
    ]


def _restrict(run: Run) -> _Restricted | InputError:
    try:
        readings = restrict(run)
        binned = bin_readings(readings)
        if not binned.measured.any():
            raise InputError(
                f"run '{run.run_id}': no m/z was measured over 4 bins of 4 degC",
                column="temp",
                expected="a run over at least 16 degC",
            )
    except InputError as error:
        return error
    if run.instrument == "sam_testbed":
        filled = ~np.isnan(binned.abundance).all(axis=1)
        return _Restricted(run, bin_centres()[filled], binned.abundance[filled], binned)
    temperature, abundance = scans(readings)
    return _Restricted(run, temperature, abundance, binned)


def _finish(entry: _Restricted, fitted: FloatArray) -> PreparedRun:
    measured = entry.binned.measured
    placed = place_traces(entry.binned, fitted)
    at_scans = at_temperatures(entry.binned, placed, entry.temperature)[:, measured]
    abundance = entry.abundance[:, measured]
    return PreparedRun(
        run_id=entry.run.run_id,
        instrument=entry.run.instrument,
        labels=entry.run.labels,
        temperature=entry.temperature,
        mz=np.flatnonzero(measured),
        abundance=abundance,
        baseline=at_scans,
        background=np.stack(
            [background_quantiles(abundance), background_quantiles(abundance - at_scans)]
        ),
        notes=entry.run.notes,
    )


def background_quantiles(values: FloatArray) -> FloatArray:
    """Background quantiles over scans ``[quantile, m/z]``.

    Parameters
    ----------
    values
        Abundances, NaN where not measured ``[scan, m/z]``.
    """
    if np.isnan(values).any():
        return np.nanquantile(values, BACKGROUND_QUANTILES, axis=0)
    return np.quantile(values, BACKGROUND_QUANTILES, axis=0)
