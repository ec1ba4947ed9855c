"""Simulated runs of which it is known what each gas gave off, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.run import Run
from egams.simulate.chemistry import COMMERCIAL_BACKGROUND, FAMILY_MINERALS, GASES, SAM_BACKGROUND
from egams.simulate.sam import GAIN, count
from egams.simulate.sample import (
    DrawnRelease,
    Programme,
    background_currents,
    gas_currents,
    ion_currents,
)

RELEASES = [each for of in FAMILY_MINERALS.values() for mine in of for each in mine.releases]


@dataclass(frozen=True)
class Released:
    """A run; `given_off` by each gas, of its strongest ion ``[time]``, at `temperature`, degC."""

    run: Run
    temperature: np.ndarray
    given_off: dict[str, np.ndarray]


def main_ion(gas: str) -> int:
    return max(GASES[gas].fragments, key=GASES[gas].fragments.__getitem__)


def released(
    releases: list[DrawnRelease], rng: np.random.Generator, *, instrument: str = "commercial"
) -> Released:
    """Record releases over a drifting background, with the noise of the instrument."""
    sam = instrument == "sam_testbed"
    programme = Programme.ramp(30.0, 1000.0, 25.0 if sam else 35.1)
    given_off = gas_currents(releases, programme, rng)
    gases = background_currents(SAM_BACKGROUND if sam else COMMERCIAL_BACKGROUND, programme, rng)
    gases |= {gas: gases.get(gas, 0.0) + current for gas, current in given_off.items()}
    mz = np.arange(12.0, 100.0) if sam else np.arange(100.0)
    time = np.linspace(0.0, programme.time[-1] - 2.0, 1300 if sam else 320)[:, None]
    if sam:
        time = time + 0.02 * np.arange(len(mz))
        abundance = count(120.0 + GAIN * ion_currents(gases, programme.time, time, mz), rng)
        given_off = {gas: GAIN * current for gas, current in given_off.items()}
    else:
        ions = ion_currents(gases, programme.time, time, mz)
        sigma = np.sqrt(2.3e-14**2 + 1.4e-14 * ions + (1e-3 * ions) ** 2)
        abundance = 1.8e-13 + ions + sigma * rng.standard_normal(ions.shape)
        time = time[:, 0]
    temperature = np.interp(time, programme.time, programme.temperature)
    run = Run("released", temperature, mz, abundance, time=time, instrument=instrument)
    return Released(run, programme.temperature, given_off)
