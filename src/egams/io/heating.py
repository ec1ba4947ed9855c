"""The part of a run in which the sample is heated, and how it is heated. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.conventions import HIGHEST_TEMPERATURE
from egams.run import Run

COOLED = 50.0
"""A fall by so much behind the highest temperature is a cooling, degC."""
NEAR_TOP = 5.0
"""What lies so far under the highest temperature before it belongs to the heating, degC."""
HOLD, LONG = 5.0, 300.0
"""So little change, degC, in so long a time, s, is a hold."""
LEAST_WARM = 25.0
"""Holds nearer to the lowest temperature are before the heating, degC."""
SLOW = 2.0
"""A heating rate, degC a minute, below which a hold cannot be told from the ramp."""
STEPS = 100


def heating_of(run: Run) -> Run:
    """Return the heating of a run, with notes of what was cut off and of where it was held.

    Temperature is the only axis that models and peaks see: what a sample gives off while it is
    heated would be averaged with what it no longer gives off at the same temperature. Of a run
    that is only cooled all is returned.

    Parameters
    ----------
    run
        The run, as it was recorded.
    """
    temperature, time = run.scan_temperature, run.scan_time
    kept, notes = _without_cooling(temperature)
    if time is not None:
        notes = (*notes, *_of_holds(temperature[:kept], time[:kept]))
    new = tuple(note for note in notes if note not in run.notes)  # a run may be read once more
    if kept == len(temperature):
        return replace(run, notes=(*run.notes, *new)) if new else run
    return replace(
        run,
        temperature=run.temperature[:kept],
        abundance=run.abundance[:kept],
        time=None if run.time is None else run.time[:kept],
        notes=(*run.notes, *new),
    )


def _without_cooling(temperature: FloatArray) -> tuple[int, tuple[str, ...]]:
    """How many scans the heating has, and a note if there are more."""
    top = float(temperature.max())
    # A hold at the top belongs to the heating.
    kept = int(np.flatnonzero(temperature >= top - NEAR_TOP)[-1]) + 1
    low = float(temperature[kept - 1 :].min())
    if top - low < COOLED or top - float(temperature[0]) < (top - low) / 2:
        return len(temperature), ()
    left = f"{len(temperature) - kept} of {len(temperature)} scans left out"
    return kept, (f"{left}: cooling from {top:.0f} to {low:.0f} degC behind the heating",)


def _of_holds(temperature: FloatArray, time: FloatArray) -> tuple[str, ...]:
    least = float(temperature.min()) + LEAST_WARM
    return tuple(
        f"held at {degrees:.0f} degC for {seconds / 60:.0f} min: what was given off meanwhile "
        "counts as given off at one temperature, and weighs little"
        for degrees, seconds in holds(temperature, time)
        if least < degrees <= HIGHEST_TEMPERATURE
    )


def heating_rate(temperature: FloatArray, time: FloatArray) -> float | None:
    """Return the usual rate, degC a minute: every degree counts alike, whatever is held.

    Parameters
    ----------
    temperature, time
        Of each scan, degC and s ``[scan]``.

    Returns
    -------
    float or None
        Negative where the run is cooled; None where temperature or time stands still.
    """
    direction, reached, first = _progress(temperature)
    if len(reached) < 2:
        return None
    passed = np.interp(np.linspace(reached[0], reached[-1], STEPS + 1), reached, time[first])
    took = float(np.median(np.diff(passed)))
    step = float(reached[-1] - reached[0]) / STEPS
    return direction * step / took * 60.0 if took > 0 else None


def holds(temperature: FloatArray, time: FloatArray) -> tuple[tuple[float, float], ...]:
    """Return where temperature stands still: degC, and for how long, s.

    Parameters
    ----------
    temperature, time
        Of each scan, degC and s ``[scan]``.
    """
    rate = heating_rate(temperature, time)
    if rate is None or abs(rate) < SLOW:
        return ()
    _, reached, first = _progress(temperature)
    levels = np.arange(reached[0], reached[-1] + HOLD, HOLD)
    scans = np.append(first[np.searchsorted(reached, levels[:-1])], len(time) - 1)
    lasted = np.diff(time[scans])
    return tuple(
        (float(np.median(temperature[scans[at] : scans[at + 1]])), float(lasted[at]))
        for at in np.flatnonzero(lasted >= LONG)
    )


def _progress(temperature: FloatArray) -> tuple[float, FloatArray, IntArray]:
    """Direction, and each temperature that is further than all before, with its scan."""
    direction = 1.0 if temperature[-1] >= temperature[0] else -1.0
    further = np.maximum.accumulate(direction * temperature)
    reached, first = np.unique(further, return_index=True)
    return direction, reached, first
