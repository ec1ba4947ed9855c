"""Simulated runs: reproducible, and like the two instruments they stand for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from egams.conventions import SAM_DWELL, SAM_SATURATION
from egams.errors import ConfigError
from egams.families import FAMILIES, INSTRUMENTS
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_run, simulate_runs
from egams.simulate.chemistry import ASSEMBLAGES, FAMILY_MINERALS, GASES
from egams.simulate.commercial import ODD_LISTS
from egams.simulate.sam import FEWEST_ROWS, MOST_ROWS, count

# Where each family shows in a pure sample: m/z and degC. Basalt and silicate show next to nothing.
SHOWS = {
    "basalt": (44, 200, 600),
    "carbonate": (44, 350, 900),
    "chloride": (36, 350, 1010),
    "iron_oxide": (18, 60, 400),
    "oxalate": (28, 250, 600),
    "oxychlorine": (32, 200, 750),
    "phyllosilicate": (18, 60, 900),
    "silicate": (44, 300, 850),
    "sulfate": (64, 400, 1010),
    "sulfide": (64, 250, 800),
}


def assert_same(left: Run, right: Run) -> None:
    for name in ("temperature", "mz", "abundance", "time", "labels"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    assert (left.run_id, left.instrument) == (right.run_id, right.instrument)


def test_ten_runs_are_the_first_of_twenty():
    config = SimulationConfig.tiny(sam_share=0.3)
    few = list(simulate_runs(5, np.random.default_rng(3), config=config))
    many = list(simulate_runs(10, np.random.default_rng(3), config=config))
    for left, right in zip(few, many, strict=False):
        assert_same(left, right)
    assert {run.instrument for run in many} == set(INSTRUMENTS)
    assert len({run.abundance.tobytes() for run in many}) == 10


def test_runs_do_not_depend_on_when_they_are_consumed():
    rng = np.random.default_rng(3)
    lazy = simulate_runs(2, rng, config=SimulationConfig.tiny())
    rng.spawn(4)
    rng.normal(size=7)
    for left, right in zip(
        lazy,
        simulate_runs(2, np.random.default_rng(3), config=SimulationConfig.tiny()),
        strict=True,
    ):
        assert_same(left, right)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_another_seed_gives_another_run(instrument):
    first, again, other = (
        simulate_run(
            np.random.default_rng(seed), instrument=instrument, config=SimulationConfig.tiny()
        )
        for seed in (1, 1, 2)
    )
    assert_same(first, again)
    assert first.abundance.tobytes() != other.abundance.tobytes()


def test_commercial_runs_look_like_commercial_runs():
    config = SimulationConfig(odd_layouts=0.4)
    runs = [
        simulate_run(child, families=[], config=config)
        for child in np.random.default_rng(0).spawn(120)
    ]
    for run in runs:
        assert run.temperature.shape == run.time.shape == (run.abundance.shape[0],)
        assert 135 <= run.abundance.shape[0] <= 385
        assert np.all(run.mz == np.rint(run.mz))
        assert np.isfinite(run.abundance).all()
        assert run.abundance.max() < 1e-6
        helium = run.abundance[:, run.mz == 4]
        assert np.median(helium) == pytest.approx(run.abundance.max(), rel=0.5)
        minutes = (run.time[-1] - run.time[0]) / 60
        assert np.ptp(run.temperature) / minutes == pytest.approx(35.1, abs=1.5)
        assert 680 < run.temperature[-1] < 1230
    assert {tuple(run.mz) for run in runs} >= {tuple(layout.mz) for layout in ODD_LISTS}
    assert min(run.temperature[0] for run in runs) < 0
    negative = [np.mean(run.abundance < 0) for run in runs]
    assert 0.05 < np.mean(np.array(negative) > 0) < 0.6
    assert np.median(negative) == 0.0


@pytest.fixture(scope="module")
def sam_runs() -> list[Run]:
    return [
        simulate_run(child, instrument="sam_testbed")
        for child in np.random.default_rng(1).spawn(12)
    ]


def test_sam_runs_look_like_sam_runs(sam_runs):
    for run in sam_runs:
        measured = ~np.isnan(run.abundance)
        assert FEWEST_ROWS <= measured.sum() <= MOST_ROWS
        counts = run.abundance[measured] * SAM_DWELL
        assert np.abs(counts - np.rint(counts)).max() < 1e-3
        assert np.all(counts >= 0)
        assert np.nanmax(run.abundance) <= SAM_SATURATION
        for values in (run.time, run.temperature):
            np.testing.assert_array_equal(np.isnan(values), ~measured)
        steps = np.diff(run.time[measured])
        assert steps.min() == pytest.approx(0.02)
        assert np.all(np.diff(run.temperature[measured]) >= 0)
        assert 761 <= np.nanmax(run.temperature) <= 1157
    lists = [set(run.mz) for run in sam_runs]
    assert sum(4.0 in mz for mz in lists) < len(lists) / 2
    assert 0 < sum(18.0 in mz for mz in lists) < len(lists)
    assert any({35.8, 35.9, 36.1, 36.2, 36.8} <= mz for mz in lists)
    assert any(np.isnan(run.abundance).any() for run in sam_runs)


def test_sam_cups_bleed(sam_runs):
    def bleed(run: Run) -> float:
        early = run.abundance[run.scan_temperature < 450][:, run.mz == 75]
        return float(early.mean() - run.abundance[-50:, run.mz == 75].mean())

    excess = [bleed(run) for run in sam_runs]
    assert max(excess) > 500.0
    assert min(excess) < 100.0


def test_sam_counts_are_poisson_and_saturate():
    rng = np.random.default_rng(0)
    seen = count(np.full(20_000, 1e4), rng) * SAM_DWELL
    assert seen.var() == pytest.approx(seen.mean(), rel=0.05)
    assert count(np.array([1e12]), rng)[0] == pytest.approx(SAM_SATURATION, rel=5e-3)


def test_tiny_runs_are_tiny():
    tiny = SimulationConfig.tiny()
    for instrument in INSTRUMENTS:
        run = simulate_run(np.random.default_rng(0), instrument=instrument, config=tiny)
        assert run.abundance.shape[0] == 40
        assert np.nanmax(run.temperature) > 650


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pure_sample_shows_its_family(family):
    mz, low, high = SHOWS[family]
    clear, inside = [], []
    for seed in range(8):
        # The same draws with and without the sample: what differs is the sample's gas.
        with_gas, without = (
            simulate_run(
                np.random.default_rng(seed),
                families=[family],
                config=SimulationConfig(amount=amount, odd_layouts=0.0),
            )
            for amount in (1.0, 0.0)
        )
        column = int(np.flatnonzero(with_gas.mz == mz)[0])
        excess = (with_gas.abundance - without.abundance)[:, column]
        noise = np.std(np.diff(without.abundance[:, column])) / np.sqrt(2)
        window = (with_gas.temperature > low) & (with_gas.temperature < high)
        clear.append(excess[window].max() / noise)
        inside.append(excess[window].sum() / excess.sum())
    assert np.median(clear) > 5.0
    assert np.median(inside) > 0.6


def test_labels_are_the_families_asked_for():
    run = simulate_run(
        np.random.default_rng(0), families=["sulfate", "basalt"], config=SimulationConfig.tiny()
    )
    assert run.labels.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def test_every_family_and_none_are_drawn():
    config = SimulationConfig.tiny(sam_share=0.0)
    runs = simulate_runs(200, np.random.default_rng(0), config=config)
    labels = np.array([run.labels for run in runs])
    assert np.all(labels.sum(axis=0) > 0)
    assert 0.05 < np.mean(labels.sum(axis=1) == 0) < 0.3
    assert labels.sum(axis=1).max() >= 5


def test_the_tables_fit_together():
    assert tuple(FAMILY_MINERALS) == FAMILIES
    for mineral in itertools.chain.from_iterable(FAMILY_MINERALS.values()):
        for release in mineral.releases:
            assert release.gas in GASES
            assert {*release.only_with, *release.lowered_by} <= set(FAMILIES)
            assert release.peak[0] < release.peak[1]
            assert 0 < release.amount[0] < release.amount[1]
    for families, _ in ASSEMBLAGES:
        assert families <= set(FAMILIES)
    for gas in GASES.values():
        assert max(gas.fragments.values()) == 100


@pytest.mark.parametrize(
    "setting", [{"sam_share": 1.5}, {"scans": 1}, {"noise": -1.0}, {"amount": float("nan")}]
)
def test_settings_without_sense_are_refused(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        SimulationConfig(**setting)


def test_unknown_names_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="sulphate"):
        simulate_run(rng, families=["sulphate"])
    with pytest.raises(ConfigError, match="mass_spec"):
        simulate_run(rng, instrument="mass_spec")
