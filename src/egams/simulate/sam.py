"""The SAM testbed: one m/z after another, Poisson counts, a saturating detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.conventions import SAM_DWELL, SAM_SATURATION
from egams.simulate.chemistry import CUP_OF_SAM, SAM_BACKGROUND
from egams.simulate.config import SimulationConfig
from egams.simulate.sample import (
    Programme,
    Recording,
    draw_releases,
    ion_currents,
    mixture,
    settle,
)

STEP = 0.02
"""Seconds between two readings. Measured."""
GAIN = 1e15
"""Counts/s per A of the commercial instrument, chosen so that the backgrounds come out right."""
FEWEST_ROWS, MOST_ROWS = 85_000, 157_000
"""Readings of a whole run. Measured."""

_DARK = 120.0  # counts/s without any ion
_CUP_SHOWS = 0.5  # share of runs in which each gas of the cup itself shows


@dataclass(frozen=True)
class SweepList:
    """m/z that each sweep visits (`every`), and some of which each sweep visits `1 / turns`."""

    every: tuple[float, ...]
    rare: tuple[float, ...] = ()
    turns: int = 1


_BANDS = tuple(
    round(mz + offset, 1) for mz in (36, 37, 38, 40, 64, 66) for offset in (-0.2, -0.1, 0.1, 0.2)
)
SWEEP_LISTS: tuple[SweepList, ...] = (
    SweepList((1.9, 2.0, *map(float, range(12, 101)), 147.0)),
    SweepList((1.9, 2.0, *_BANDS, *map(float, range(12, 151)))),
    SweepList(
        (2.0, *map(float, range(12, 121))), rare=tuple(map(float, range(121, 200))), turns=12
    ),
)
"""A short list, one with fractional bands (35.8 to 36.2 in steps of 0.1, and so on), one that
visits high m/z in turn. Real runs have lists of these three kinds."""

# Share of runs that leave an m/z out. Measured: 18 in 42 of 65, 4 in 62 of 65, others in few.
_LEFT_OUT = {18.0: 0.65, 64.0: 0.05, 17.0: 0.05, 44.0: 0.05}
_HELIUM = 0.05


def simulate_sam(
    families: frozenset[str], rng: np.random.Generator, config: SimulationConfig
) -> Recording:
    """Simulate one run of the SAM testbed.

    Returns
    -------
    Recording
        time, s, temperature, degC, and abundance, counts/s, each ``[scan, m/z]`` and NaN where a
        sweep skipped an m/z; m/z ``[m/z]``. A scan is one sweep. Rounded as the challenge's files
        are.
    """
    mz, turn_of, turns = _draw_mz(rng)
    programme = _draw_programme(rng)
    time = _reading_times(turn_of, turns, programme.time[-1], config.sam_sweeps)
    temperature = np.interp(time, programme.time, programme.temperature)

    releases = draw_releases(families, rng, config)
    releases += [settle(release, rng) for release in CUP_OF_SAM if rng.uniform() < _CUP_SHOWS]
    currents = mixture(releases, SAM_BACKGROUND, programme, rng)
    ions = ion_currents(currents, programme.time, time, mz)
    visited = ~np.isnan(time)
    abundance = np.full(time.shape, np.nan)
    abundance[visited] = count(_DARK + GAIN * ions[visited], rng)
    return Recording(np.round(time, 2), np.round(temperature, 3), mz, abundance)


def count(rate: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Count ions for `SAM_DWELL` seconds with a detector that is dead for a while after each.

    Parameters
    ----------
    rate
        Ions that arrive, 1/s, any shape.

    Returns
    -------
    numpy.ndarray
        Counts/s like `rate`, a whole number of counts per dwell, not corrected for dead time, at
        most `SAM_SATURATION`; rounded to 0.1.
    """
    seen = rate / (1.0 + rate / SAM_SATURATION)
    counts = np.minimum(rng.poisson(seen * SAM_DWELL), np.floor(SAM_SATURATION * SAM_DWELL))
    return np.round(counts / SAM_DWELL, 1)


def _draw_mz(rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64], int]:
    """m/z ``[m/z]``, the turn each is visited in (-1: every sweep), and the number of turns."""
    drawn = SWEEP_LISTS[rng.integers(len(SWEEP_LISTS))]
    left_out = {mz for mz, share in _LEFT_OUT.items() if rng.uniform() < share}
    helium = (4.0,) if rng.uniform() < _HELIUM else ()
    every = [mz for mz in (*drawn.every, *helium) if mz not in left_out]
    mz = np.array([*every, *drawn.rare])
    turn_of = np.array([-1] * len(every) + [i % drawn.turns for i in range(len(drawn.rare))])
    order = np.argsort(mz)
    return mz[order], turn_of[order], drawn.turns


def _draw_programme(rng: np.random.Generator) -> Programme:
    start, top = rng.uniform(0.0, 32.0), rng.uniform(761.0, 1157.0)
    rate = float(np.clip(rng.normal(25.0, 4.0), 14.8, 37.4))
    seconds = (top - start) / rate * 60.0
    hold = max(rng.uniform(30.0, 240.0), STEP * 1.05 * FEWEST_ROWS - seconds)
    return Programme.ramp(start, top, rate, hold=hold)


def _reading_times(
    turn_of: NDArray[np.int64], turns: int, length: float, sweeps: int | None
) -> FloatArray:
    """Seconds of each reading ``[sweep, m/z]``; NaN where the sweep skips the m/z."""
    per_sweep = int(np.sum(turn_of < 0)) + -(-int(np.sum(turn_of >= 0)) // turns)
    fits = min(int(length / STEP), MOST_ROWS) // per_sweep
    sweeps = fits if sweeps is None else min(sweeps, fits)
    last = length / STEP - per_sweep
    start = np.rint(np.linspace(0.0, last, sweeps))[:, None]
    visited = (turn_of < 0) | (turn_of == np.arange(sweeps)[:, None] % turns)
    steps = start + np.cumsum(visited, axis=1) - 1
    return np.where(visited, STEP * steps, np.nan)
