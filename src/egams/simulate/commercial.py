"""The commercial instrument: integer m/z read at once, currents in amperes on a noisy floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray
from egams.simulate.chemistry import COMMERCIAL_BACKGROUND
from egams.simulate.config import SimulationConfig
from egams.simulate.sample import (
    Programme,
    Recording,
    draw_one,
    draw_releases,
    ion_currents,
    mixture,
)

FEWEST_SCANS, MOST_SCANS = 135, 385

# Variance of a reading, A^2: floor^2 + shot * current + (gain * current)^2. Measured on the
# scan-to-scan differences of quiet runs.
_SHOT = 1.4e-14
_GAIN_NOISE = 1e-3

_POWERS = np.array([float(10**digits) for digits in range(23)])  # exact up to 1e22


@dataclass(frozen=True)
class MassList:
    """Which m/z a commercial instrument steps through, and how its electronics behave.

    `period` is the seconds between scans; `floor` the electronic offset, A; `floor_noise` its
    standard deviation, A; `start` the range of start temperatures, degC; `weight` its rate among
    the odd layouts. A floor around zero is what makes readings negative.
    """

    mz: tuple[int, ...]
    period: float
    floor: float
    floor_noise: float
    start: tuple[float, float]
    weight: float


STANDARD = MassList(tuple(range(100)), 5.21, 1.8e-13, 2.3e-14, (28.0, 33.0), 1.0)
"""Most runs. Measured."""
ODD_LISTS: tuple[MassList, ...] = (
    MassList(tuple(range(200)), 10.27, 3e-14, 2.5e-14, (30.0, 64.0), 5.0),
    MassList(tuple(range(150)), 7.8, 3e-14, 2.5e-14, (28.0, 40.0), 2.0),
    MassList(tuple(range(100)), 5.21, 2e-14, 2.2e-14, (28.0, 33.0), 3.0),
    MassList(tuple(range(1, 61)), 13.0, 2e-13, 1.5e-12, (-61.0, 20.0), 1.0),
    # m/z with nothing but carrier or floor left out to save time.
    MassList(
        (2, 4, *range(12, 51), *range(54, 79, 2), 79, 80, 81, 84, 91, 94),
        6.0, 1e-13, 3e-14, (-10.0, 30.0), 1.0,
    ),
)  # fmt: skip
"""The rest: wider, narrower, with negative readings, cold starts or gaps."""


def simulate_commercial(
    families: frozenset[str], rng: np.random.Generator, config: SimulationConfig
) -> Recording:
    """Simulate one run of the commercial instrument.

    Returns
    -------
    Recording
        time, s ``[scan]``; temperature, degC ``[scan]``; m/z ``[m/z]``; abundance, A
        ``[scan, m/z]``; rounded as the challenge's files are.
    """
    odd = draw_one(ODD_LISTS, [layout.weight for layout in ODD_LISTS], rng)
    layout = odd if rng.uniform() < config.odd_layouts else STANDARD
    programme = _draw_programme(layout, rng)
    length = float(programme.time[-1])
    scans = config.scans or int(np.clip(length / layout.period, FEWEST_SCANS, MOST_SCANS))
    time: FloatArray = np.linspace(0.0, length, scans, dtype=np.float64)
    temperature = np.interp(time, programme.time, programme.temperature)
    temperature += 0.4 * np.sin(time / 90.0) + rng.normal(0.0, 0.02, scans)

    releases = draw_releases(families, rng, config)
    currents = mixture(releases, COMMERCIAL_BACKGROUND, programme, rng)
    mz = np.array(layout.mz, dtype=np.float64)
    ions = ion_currents(currents, programme.time, time[:, None], mz)
    sigma = np.sqrt(layout.floor_noise**2 + _SHOT * ions + (_GAIN_NOISE * ions) ** 2)
    floor = layout.floor * np.exp(rng.normal(0.0, 0.1))
    abundance = floor + ions + config.noise * sigma * rng.standard_normal(ions.shape)
    return Recording(np.round(time, 3), np.round(temperature, 3), mz, _seven_digits(abundance))


def _draw_programme(layout: MassList, rng: np.random.Generator) -> Programme:
    top = rng.choice([1000.0, 1205.0, 860.0, 700.0], p=[0.86, 0.09, 0.03, 0.02])
    return Programme.ramp(
        rng.uniform(*layout.start), top + rng.normal(0.0, 4.0), rng.normal(35.1, 0.2)
    )


def _seven_digits(values: FloatArray) -> FloatArray:
    """Round to the seven significant digits the files hold."""
    digits = 6 - np.floor(np.log10(np.maximum(np.abs(values), 1e-16))).astype(int)
    # Dividing an integer by an exact power of ten gives the double nearest to the decimal number.
    power = _POWERS[np.clip(digits, 0, _POWERS.size - 1)]
    return np.asarray(np.rint(values * power) / power)
