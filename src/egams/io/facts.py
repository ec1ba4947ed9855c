"""What can be said of a run before anyone predicts from it: ranges, heating, gaps, saturation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray
from egams.io.heating import heating_rate
from egams.run import Run

GAP = 5.0
"""A step of so many usual steps is a gap."""
LEAST_STEP = 10.0
"""A step of temperature below this is no gap, degC."""
FLAT = 5
"""So many scans in a row at exactly the highest value look like a detector at its limit."""


@dataclass(frozen=True)
class Facts:
    """Numbers that describe a run.

    Parameters
    ----------
    scans
        How many.
    mz
        m/z ``[m/z]``.
    unit
        Unit of the signals; empty where it is not known.
    temperature
        Lowest and highest, degC.
    rate
        Usual heating rate, degC a minute; negative where it is cooled; None without times.
    duration
        From the first scan to the last, s; None without times.
    seconds_each
        Median time between scans, s; None without times.
    gaps
        Temperatures between which no scan lies, though scans are usually nearer, degC.
    not_measured, negative
        Shares of readings.
    saturated
        m/z that stay at exactly their highest value.
    """

    scans: int
    mz: FloatArray
    unit: str
    temperature: tuple[float, float]
    rate: float | None
    duration: float | None
    seconds_each: float | None
    gaps: tuple[tuple[float, float], ...]
    not_measured: float
    negative: float
    saturated: tuple[float, ...]


def facts_of(run: Run) -> Facts:
    """Describe a run.

    Parameters
    ----------
    run
        The run.
    """
    temp, time = run.scan_temperature, run.scan_time
    rate = duration = each = None
    if time is not None:
        steps = np.diff(time)
        duration, each = float(time[-1] - time[0]), float(np.median(steps))
        rate = heating_rate(temp, time)
    ordered = np.sort(temp)
    jumps = np.diff(ordered)
    wide = jumps > max(GAP * float(np.median(jumps)), LEAST_STEP)
    gaps = zip(ordered[:-1][wide].tolist(), ordered[1:][wide].tolist(), strict=True)
    measured = ~np.isnan(run.abundance)
    return Facts(
        scans=temp.size,
        mz=run.mz,
        unit=run.unit,
        temperature=(float(ordered[0]), float(ordered[-1])),
        rate=rate,
        duration=duration,
        seconds_each=each,
        gaps=tuple(gaps),
        not_measured=1.0 - float(measured.mean()),
        negative=float((run.abundance[measured] < 0).mean()),
        saturated=tuple(
            float(mz) for mz, values in zip(run.mz, run.abundance.T, strict=True) if _flat(values)
        ),
    )


def _flat(values: FloatArray) -> bool:
    held = values[~np.isnan(values)]
    if held.size < FLAT or held.max() <= max(0.0, float(np.median(held))):
        return False
    at_top = np.concatenate(([0], (held == held.max()).astype(int), [0]))
    edges = np.flatnonzero(np.diff(at_top))
    return bool((edges[1::2] - edges[::2]).max() >= FLAT)


def binned(run: Run, mz: float, bins: int) -> FloatArray:
    """Return the mean signal of one m/z over equal steps of temperature ``[bin]``.

    Parameters
    ----------
    run
        The run.
    mz
        One of its m/z.
    bins
        How many; NaN where none was measured.
    """
    column = int(np.flatnonzero(run.mz == mz)[0])
    values, temp = run.abundance[:, column], run.reading_temperature[:, column]
    held = ~np.isnan(values)
    low, high = np.nanmin(run.temperature), np.nanmax(run.temperature)
    place = np.clip((temp[held] - low) / max(high - low, 1e-9) * bins, 0, bins - 1).astype(int)
    sums = np.bincount(place, values[held], bins)
    counts = np.bincount(place, minlength=bins)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
