"""Restriction of a run to the temperatures and m/z that every instrument shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.conventions import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, MZ_COUNT
from egams.errors import InputError
from egams.run import Run


@dataclass(frozen=True)
class Readings:
    """Restricted readings of a run, sorted by temperature, then m/z, then abundance.

    Parameters
    ----------
    temperature
        degC ``[reading]``, ascending.
    mz
        Whole m/z 0..99 ``[reading]``.
    abundance
        Signal relative to the largest that is left ``[reading]``, so at most 1.
    """

    temperature: FloatArray
    mz: IntArray
    abundance: FloatArray


def restrict(run: Run) -> Readings:
    """Keep 28 < T < 1000 degC and near-integer m/z below 100; divide by the largest abundance.

    Source: the winning solution's write-up, "Data Preprocessing"; its published constants.

    Raises
    ------
    InputError
        If nothing is left, only one temperature is left, or no abundance is above zero.
    """
    fraction = run.mz % 1
    whole = np.rint(run.mz).astype(np.intp)
    near_integer = ((fraction < 0.3) | (fraction > 0.7)) & (whole >= 0) & (whole < MZ_COUNT)
    temperature = run.reading_temperature
    with np.errstate(invalid="ignore"):
        within = (temperature > LOWEST_TEMPERATURE) & (temperature < HIGHEST_TEMPERATURE)
    keep = within & near_integer & ~np.isnan(run.abundance)
    if not keep.any():
        raise InputError(
            f"run '{run.run_id}': no reading is left after restriction",
            column="temp" if near_integer.any() else "m/z",
            expected=f"temperatures between {LOWEST_TEMPERATURE:g} and {HIGHEST_TEMPERATURE:g} degC"
            f" and m/z within 0.3 of a whole number below {MZ_COUNT}",
            hint=f"Temperatures here: {np.nanmin(temperature):.1f} to {np.nanmax(temperature):.1f};"
            f" m/z: {run.mz[0]:g} to {run.mz[-1]:g}",
        )
    scan, column = np.nonzero(keep)
    readings_mz = whole[column]
    readings_temperature = temperature[scan, column]
    abundance = run.abundance[scan, column]
    order = np.lexsort((readings_mz, readings_temperature))
    tied = (np.diff(readings_temperature[order]) == 0) & (np.diff(readings_mz[order]) == 0)
    if tied.any():
        # Then by abundance, so that rounding does not depend on the order of the scans.
        order = np.lexsort((abundance, readings_mz, readings_temperature))
    readings_temperature = readings_temperature[order]
    if readings_temperature[0] == readings_temperature[-1]:
        raise InputError(
            f"run '{run.run_id}': only one temperature is left after restriction",
            column="temp",
            expected="a sample that warms or cools",
        )
    abundance = abundance[order]
    largest = abundance.max()
    if not largest > 0:
        raise InputError(
            f"run '{run.run_id}': no abundance is above zero",
            column="abundance",
            expected="an ion signal in counts/s or A",
        )
    return Readings(readings_temperature, readings_mz[order], abundance / largest)


def scans(readings: Readings) -> tuple[FloatArray, FloatArray]:
    """Gather readings into scans.

    A scan is a stretch of rows in which m/z does not fall; sweeps at exactly equal temperatures
    therefore make one scan, and m/z read twice in a scan are averaged.

    Returns
    -------
    temperature
        Mean over the readings of each scan, degC ``[scan]``, ascending.
    abundance
        ``[scan, m/z]``, NaN where not measured.
    """
    scan = np.concatenate([[0], np.cumsum(np.diff(readings.mz) < 0)])
    count = np.bincount(scan)
    temperature = np.bincount(scan, weights=readings.temperature) / count
    return temperature, mean_by_cell(scan, readings, len(count))


def mean_by_cell(row: IntArray, readings: Readings, rows: int) -> FloatArray:
    """Mean abundance by (row, m/z) ``[row, m/z]``; NaN where there is no reading."""
    cell = row * MZ_COUNT + readings.mz
    size = rows * MZ_COUNT
    total = np.bincount(cell, weights=readings.abundance, minlength=size)
    count = np.bincount(cell, minlength=size)
    mean = np.full(size, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean.reshape(rows, MZ_COUNT)
