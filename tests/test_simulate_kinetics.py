"""Kinetics of simulated releases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egams.simulate.kinetics import linger, log_prefactor, release_rate

PEAKS = st.floats(100.0, 1000.0)
ENERGIES = st.floats(90.0, 520.0)  # kJ/mol, goethite to saponite and both sides
RAMPS = st.floats(10.0 / 60.0, 50.0 / 60.0)  # K/s


def ramp(peak: float, rate: float, step: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    temperature = np.arange(-240.0, peak + 500.0, step)
    return (temperature - temperature[0]) / rate, temperature


def integral(rate: np.ndarray, time: np.ndarray) -> float:
    return float(np.sum(0.5 * (rate[1:] + rate[:-1]) * np.diff(time)))


@given(PEAKS, ENERGIES, RAMPS)
def test_a_single_release_peaks_where_asked(peak, energy, rate):
    time, temperature = ramp(peak, rate)
    found = release_rate(
        time, temperature, log_prefactor=log_prefactor(peak, energy, rate), energy=energy
    )
    assert temperature[np.argmax(found)] == pytest.approx(peak, abs=1.0)


@given(PEAKS, ENERGIES, RAMPS, st.floats(0.0, 0.08))
def test_a_release_integrates_to_its_amount(peak, energy, rate, spread):
    time, temperature = ramp(peak, rate)
    found = release_rate(
        time,
        temperature,
        log_prefactor=log_prefactor(peak, energy, rate),
        energy=energy,
        spread=spread,
    )
    assert integral(found, time) == pytest.approx(1.0, abs=0.01)
    assert np.all(found >= 0)


@given(PEAKS, ENERGIES, RAMPS)
def test_a_faster_ramp_moves_the_peak_up(peak, energy, rate):
    prefactor = log_prefactor(peak, energy, rate)
    time, temperature = ramp(peak, 4 * rate)
    found = release_rate(time, temperature, log_prefactor=prefactor, energy=energy)
    assert temperature[np.argmax(found)] > peak + 2.0


def half_width(found: np.ndarray, temperature: np.ndarray) -> float:
    above = temperature[found > 0.5 * found.max()]
    return float(above[-1] - above[0])


def test_a_spread_of_energies_widens_the_peak_without_ripples():
    time, temperature = ramp(600.0, 35 / 60)
    prefactor = log_prefactor(600.0, 200.0, 35 / 60)
    single, spread, wide = (
        release_rate(time, temperature, log_prefactor=prefactor, energy=200.0, spread=s)
        for s in (0.0, 0.04, 0.12)
    )
    assert half_width(spread, temperature) > 1.3 * half_width(single, temperature)
    turns = np.diff(np.sign(np.diff(wide[wide > 1e-3 * wide.max()])))
    assert np.count_nonzero(turns) == 1


def test_what_leaves_during_the_purge_does_not_show():
    time, temperature = ramp(60.0, 35 / 60)
    time, temperature = time[temperature >= 30], temperature[temperature >= 30]
    settings = {"log_prefactor": log_prefactor(60.0, 80.0, 35 / 60), "energy": 80.0}
    fresh = release_rate(time, temperature, **settings)
    purged = release_rate(time, temperature, **settings, purge=1800.0)
    assert integral(purged, time) < 0.5 * integral(fresh, time)


def test_lingering_delays_a_gas_and_loses_none():
    pulse = np.zeros(1000)
    pulse[100] = 1.0
    seen = linger(pulse, step=1.0, residence=20.0)
    assert seen.sum() == pytest.approx(1.0)
    assert not seen[:100].any()
    mean_delay = np.sum(seen * np.arange(1000)) - 100
    assert mean_delay == pytest.approx(20.0, rel=0.1)
