"""The part of a run in which the sample is heated, and how it is heated. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egams.arrays import FloatArray
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
    heated = _without_cooling(run)
    if heated.scan_time is None:
        return heated
    least = float(heated.scan_temperature.min()) + LEAST_WARM
    notes = tuple(
        f"held at {degrees:.0f} degC for {seconds / 60:.0f} min: what was given off meanwhile "
        "counts as given off at one temperature, and weighs little"
        for degrees, seconds in holds(heated.scan_temperature, heated.scan_time)
        if least < degrees <= HIGHEST_TEMPERATURE
    )
    new = [note for note in notes if note not in heated.notes]  # a run may be read once more
    return replace(heated, notes=(*heated.notes, *new)) if new else heated


def _without_cooling(run: Run) -> Run:
    temperature = run.scan_temperature
    top = float(temperature.max())
    # A hold at the top belongs to the heating.
    last = int(np.flatnonzero(temperature >= top - NEAR_TOP)[-1])
    low = float(temperature[last:].min())
    if top - low < COOLED or top - float(temperature[0]) < (top - low) / 2:
        return run
    kept = slice(0, last + 1)
    return replace(
        run,
        temperature=run.temperature[kept],
        abundance=run.abundance[kept],
        time=None if run.time is None else run.time[kept],
        notes=(
            *run.notes,
            f"{len(temperature) - last - 1} of {len(temperature)} scans left out: cooling from "
            f"{top:.0f} to {low:.0f} degC behind the heating",
        ),
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
    direction = 1.0 if temperature[-1] >= temperature[0] else -1.0
    furthest, first = np.unique(np.maximum.accumulate(direction * temperature), return_index=True)
    passed = np.linspace(furthest[0], furthest[-1], STEPS + 1)
    took = float(np.median(np.diff(np.interp(passed, furthest, time[first]))))
    if len(furthest) < 2 or took <= 0:
        return None
    return direction * float(furthest[-1] - furthest[0]) / STEPS / took * 60.0


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
    found: list[tuple[float, float]] = []
    begin = 0
    lowest = highest = temperature[0]
    for scan, value in enumerate([*temperature.tolist(), np.inf]):
        lowest, highest = min(lowest, value), max(highest, value)
        if highest - lowest > HOLD:
            lasted = float(time[scan - 1] - time[begin])
            if lasted >= LONG:
                found.append((float(np.median(temperature[begin:scan])), lasted))
            begin, lowest, highest = scan, value, value
    return tuple(found)
