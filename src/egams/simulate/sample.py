"""A sample: which minerals it holds, and the gases it gives off along a heating programme."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.simulate.chemistry import (
    ASSEMBLAGES,
    CONTAMINATION,
    FAMILY_MINERALS,
    GASES,
    Release,
)
from egams.simulate.config import SimulationConfig
from egams.simulate.kinetics import ZERO_CELSIUS, linger, log_prefactor, release_rate

T = TypeVar("T")

_REFERENCE_RAMP = 35.0 / 60.0  # K/s, the ramp at which the table's peak temperatures hold
_PURGE = 1800.0  # s under carrier gas before the ramp


@dataclass(frozen=True)
class DrawnRelease:
    """A `Release` with its ranges settled.

    `peak` in degC at 35 degC/min, `amount` in A s, `energy` in kJ/mol, `spread` a fraction of it;
    `family` that gives it off, empty for the cup.
    """

    gas: str
    peak: float
    amount: float
    energy: float
    spread: float
    family: str = ""


class Recording(NamedTuple):
    """What an instrument writes down: the arrays of an `egams.run.Run`, in its shapes and units."""

    time: FloatArray
    temperature: FloatArray
    mz: FloatArray
    abundance: FloatArray


@dataclass(frozen=True)
class Programme:
    """Temperature of the oven on a uniform grid: `time` in s and `temperature` in degC."""

    time: FloatArray
    temperature: FloatArray

    @classmethod
    def ramp(cls, start: float, top: float, rate: float, *, hold: float = 0.0) -> Programme:
        """Heat from `start` to `top` degC at `rate` degC/min and stay there for `hold` s."""
        seconds = (top - start) / rate * 60.0
        time = np.linspace(0.0, seconds + hold, 1500)
        return cls(time, np.minimum(start + rate / 60.0 * time, top))

    @property
    def step(self) -> float:
        """Seconds between grid points."""
        return float(self.time[1] - self.time[0])


def draw_one(choices: Sequence[T], weights: Sequence[float], rng: np.random.Generator) -> T:
    """Draw one of several things, each at its relative rate."""
    share = np.array(weights) / np.sum(weights)
    return choices[rng.choice(len(choices), p=share)]


def draw_families(rng: np.random.Generator) -> frozenset[str]:
    """Draw the families of a sample: none, one, or several that occur together."""
    return draw_one([families for families, _ in ASSEMBLAGES], [w for _, w in ASSEMBLAGES], rng)


def label_vector(families: Collection[str]) -> NDArray[np.float32]:
    """Return 0 or 1 for each of `FAMILIES` ``[family]``.

    Raises
    ------
    ConfigError
        If a name is not one of `FAMILIES`.
    """
    unknown = sorted(set(families) - set(FAMILIES))
    if unknown:
        raise ConfigError(f"unknown families {unknown}; expected some of {list(FAMILIES)}.")
    return np.array([family in families for family in FAMILIES], dtype=np.float32)


def draw_releases(
    families: Collection[str], rng: np.random.Generator, config: SimulationConfig
) -> list[DrawnRelease]:
    """Draw what a sample of `families` gives off, the traces of an empty cup included.

    A mixture shares one cup: each family gets its part of the sample's amount. Pressure and flow
    move all peaks of a run together; grain size and mass move those of one mineral.
    """
    present = [family for family in FAMILIES if family in families]
    drawn = [settle(release, rng) for release in CONTAMINATION]
    if not present:
        return drawn
    parts = rng.dirichlet(np.full(len(present), 4.0))
    run_shift = rng.normal(0.0, 0.025)
    for family, part in zip(present, parts, strict=True):
        mineral_shift = run_shift + rng.normal(0.0, 0.03)
        minerals = FAMILY_MINERALS[family]
        mineral = draw_one(minerals, [each.weight for each in minerals], rng)
        for release in mineral.releases:
            settled = settle(release, rng)
            if release.only_with and not set(release.only_with) & set(families):
                continue
            shift = config.peak_shift * float(
                np.clip(mineral_shift + rng.normal(0.0, 0.01), -0.15, 0.15)
            )
            lowered = rng.uniform(40.0, 150.0) if set(release.lowered_by) & set(families) else 0.0
            kelvin = (settled.peak + ZERO_CELSIUS) * (1.0 + shift) - lowered
            amount = settled.amount * part * config.amount
            peak = max(kelvin - ZERO_CELSIUS, 60.0)
            settled = replace(settled, peak=peak, amount=amount, family=family)
            drawn.extend(_grains(settled, rng))
    return drawn


def gas_currents(
    releases: Collection[DrawnRelease], programme: Programme, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Current of the strongest ion of every gas given off, A ``[time]`` on the programme's grid."""
    currents: dict[str, FloatArray] = {}
    for release in releases:
        rate = release_rate(
            programme.time,
            programme.temperature,
            log_prefactor=log_prefactor(release.peak, release.energy, _REFERENCE_RAMP),
            energy=release.energy,
            spread=release.spread,
            purge=_PURGE,
        )
        currents[release.gas] = currents.get(release.gas, 0.0) + release.amount * rate
    for gas, current in currents.items():
        residence = rng.uniform(*GASES[gas].residence)
        # Most of a gas passes straight through; some sits in cold corners of the line.
        slow = rng.uniform(0.02, 0.2)
        currents[gas] = (1 - slow) * linger(current, programme.step, residence)
        currents[gas] += slow * linger(current, programme.step, 6 * residence)
    return currents


def mixture(
    releases: Collection[DrawnRelease],
    levels: Mapping[str, tuple[float, float]],
    programme: Programme,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Current of each gas, evolved and background together, A ``[time]``."""
    evolved = gas_currents(releases, programme, rng)
    total = background_currents(levels, programme, rng)
    for gas, current in evolved.items():
        total[gas] = total.get(gas, 0.0) + current
    return total


def background_currents(
    levels: Mapping[str, tuple[float, float]], programme: Programme, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Slowly drifting current of each background gas, A ``[time]``."""
    x = programme.time / programme.time[-1]
    currents: dict[str, FloatArray] = {}
    for gas, (low, high) in levels.items():
        # Helium is fed at a steady flow; what leaks in or leaves the walls wanders.
        wander = 0.01 if gas == "He" else 0.25
        tilt, bend = rng.normal(0.0, wander, 2)
        wave = 0.2 * wander * np.sin(2 * np.pi * (rng.uniform(0.5, 3.0) * x + rng.uniform()))
        level = np.exp(rng.uniform(np.log(low), np.log(high)))
        currents[gas] = level * np.exp(tilt * x + bend * x * (1 - x) + wave)
    return currents


def ion_currents(
    currents: Mapping[str, FloatArray], grid: FloatArray, time: FloatArray, mz: FloatArray
) -> FloatArray:
    """Ion currents of a mixture of gases at the instants the instrument looks at them.

    Parameters
    ----------
    currents
        Current of each gas's strongest ion, A ``[time]`` on `grid`.
    grid
        Seconds ``[time]``.
    time
        Seconds of each reading ``[scan, m/z]``, or ``[scan, 1]`` where all m/z are read at once.
    mz
        ``[m/z]``; a fractional m/z sees the flat-topped peak of the nearest integer ion.

    Returns
    -------
    numpy.ndarray
        A ``[scan, m/z]``.
    """
    nearest = np.rint(mz)
    peak_shape = np.exp(-(((mz - nearest) / 0.45) ** 4))
    ions = np.zeros((time.shape[0], mz.size))
    for gas, current in currents.items():
        fragments = GASES[gas].fragments
        seen = np.flatnonzero(np.isin(nearest, list(fragments)))
        if seen.size == 0:
            continue
        share = np.array([fragments[int(m)] / 100.0 for m in nearest[seen]]) * peak_shape[seen]
        instants = time if time.shape[1] == 1 else time[:, seen]
        ions[:, seen] += np.interp(instants, grid, current) * share
    return ions


def settle(release: Release, rng: np.random.Generator) -> DrawnRelease:
    """Draw a peak temperature and an amount from the ranges of `release`."""
    low, high = np.log(release.amount)
    return DrawnRelease(
        gas=release.gas,
        peak=rng.uniform(*release.peak),
        amount=float(np.exp(rng.uniform(low, high))),
        energy=release.energy,
        spread=release.spread,
    )


def _grains(whole: DrawnRelease, rng: np.random.Generator) -> list[DrawnRelease]:
    """Divide a release over grains: a main peak with a shoulder, and a wide skirt of odd grains."""
    shoulder, skirt = rng.uniform(0.0, 0.4), rng.uniform(0.01, 0.15)
    offset = rng.normal(0.0, 0.02) * (whole.peak + ZERO_CELSIUS)
    return [
        replace(whole, amount=whole.amount * (1 - shoulder - skirt)),
        replace(whole, amount=whole.amount * shoulder, peak=whole.peak + offset),
        replace(whole, amount=whole.amount * skirt, spread=whole.spread + 0.12),
    ]
