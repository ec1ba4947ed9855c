"""Runs that are also cooled, or held: what they are taken for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import egams
from egams.explain.peaks import peaks
from egams.io import read, write_csv
from egams.io.facts import facts_of
from egams.io.heating import heating_rate, holds
from egams.run import Run
from io_samples import commercial
from prepared_samples import simulated


def then(run: Run, temperature: np.ndarray, rise: float = 0.0) -> Run:
    """The run, and behind it scans at these temperatures, a second apart, `rise` times its last."""
    assert run.time is not None
    last = run.abundance[-1] * (1 + rise)
    return replace(
        run,
        time=np.concatenate([run.time, run.time[-1] + 1 + np.arange(len(temperature))]),
        temperature=np.concatenate([run.temperature, temperature]),
        abundance=np.concatenate([run.abundance, np.tile(last, (len(temperature), 1))]),
    )


@pytest.fixture(scope="module")
def run() -> Run:
    return next(iter(read([replace(simulated(1), run_id="lab", notes=())])))


@given(low=st.floats(20, 700), scans=st.integers(2, 400))
def test_a_cooling_behind_the_heating_is_left_out_and_said(low: float, scans: int) -> None:
    heated = commercial("lab", 1)
    top = float(heated.temperature[-1])
    cooled = then(heated, np.linspace(top - 6, min(low, top - 60), scans))
    (found,) = read([cooled])
    np.testing.assert_array_equal(found.temperature, heated.temperature)
    np.testing.assert_array_equal(found.abundance, heated.abundance)
    assert f"{scans} of {len(cooled.temperature)} scans left out: cooling from" in found.notes[-1]
    (again,) = read([found])
    assert again.notes == found.notes


def test_answers_peaks_and_pictures_are_those_of_the_heating(run: Run, tmp_path: Path) -> None:
    write_csv(run, tmp_path / "heated.csv")
    write_csv(then(run, np.linspace(900, 30, 300)), tmp_path / "cooled.csv")
    (heated,), (cooled,) = (read(tmp_path / f"{name}.csv") for name in ("heated", "cooled"))
    assert peaks(cooled) == peaks(heated)
    for name in ("heated", "cooled"):
        egams("predict", tmp_path / f"{name}.csv", "-o", tmp_path / f"answer-{name}.csv")
    one, other = (
        (tmp_path / f"answer-{name}.csv").read_text().replace(name, "x")
        for name in ("heated", "cooled")
    )
    assert one == other
    said = egams("inspect", tmp_path / "cooled.csv").stdout
    assert "300 of" in said
    assert "cooling from" in said


def test_a_run_that_is_only_cooled_stays_whole(run: Run) -> None:
    assert run.time is not None
    cooled = replace(run, temperature=run.temperature[::-1], abundance=run.abundance[::-1])
    (found,) = read([cooled])
    assert found is cooled
    rate, backwards = facts_of(run).rate, facts_of(cooled).rate
    assert rate is not None
    assert backwards == pytest.approx(-rate, rel=0.02)


def test_a_hold_is_said_and_does_not_change_the_rate(run: Run) -> None:
    middle = int(np.searchsorted(run.temperature, 600.0))
    assert run.time is not None
    start = replace(
        run,
        time=run.time[:middle],
        temperature=run.temperature[:middle],
        abundance=run.abundance[:middle],
    )
    held = then(start, np.full(1980, 600.0), rise=2.0)
    (found,) = read([held])
    assert "held at 600 degC for 33 min" in found.notes[-1]
    assert len(found.temperature) == len(held.temperature)
    assert facts_of(found).rate == pytest.approx(facts_of(start).rate, rel=0.05)


def test_a_slow_ramp_is_no_hold_and_standing_still_has_no_rate() -> None:
    time = np.arange(0.0, 36000.0, 10.0)
    assert holds(30 + time / 60, time) == ()  # 1 degC a minute
    assert heating_rate(np.full(9, 30.0), np.arange(9.0)) is None
    ((degrees, lasted),) = holds(np.r_[30:400:38j, np.full(40, 400.0)], np.arange(78) * 10.0)
    assert degrees == 400
    assert lasted == pytest.approx(400, abs=20)
