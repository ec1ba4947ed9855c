"""Restriction, scans, bins and `prepare_runs` against a row-by-row reference, and as invariants."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egams.errors import InputError
from egams.preprocess.binning import at_temperatures, bin_centres, bin_readings
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.preprocess.restrict import restrict, scans
from egams.run import Run
from egams.simulate import simulate_run
from prepared_samples import TINY, prepared_samples, raw_samples, simulated

SAMPLES = pytest.mark.parametrize("run", raw_samples(), ids=lambda run: run.run_id)


# A reference that goes through the rows of the long table, as the challenge ships runs.


def rows_of(run: Run) -> list[tuple[float, int, float]]:
    """(temperature, m/z, abundance) of the readings that are kept, in order."""
    rows = []
    for scan in range(run.abundance.shape[0]):
        for column, mz in enumerate(run.mz):
            value = run.abundance[scan, column]
            temperature = run.reading_temperature[scan, column]
            fraction = mz - np.floor(mz)
            if np.isnan(value) or not 28 < temperature < 1000 or 0.3 <= fraction <= 0.7:
                continue
            if round(mz) < 100:
                rows.append((temperature, round(mz), value))
    largest = max(value for _, _, value in rows)
    return sorted((temperature, mz, value / largest) for temperature, mz, value in rows)


def scans_of(rows: list[tuple[float, int, float]]) -> list[list[tuple[float, int, float]]]:
    found = [[rows[0]]]
    for before, row in pairwise(rows):
        if row[1] < before[1]:
            found.append([])
        found[-1].append(row)
    return found


def means(rows: list[tuple[float, int, float]], key) -> dict:
    groups: dict = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row[2])
    return {where: np.mean(values) for where, values in groups.items()}


def binned_of(rows: list[tuple[float, int, float]]) -> dict[int, tuple[int, np.ndarray]]:
    """First bin and trace of each m/z that spans four bins or more."""
    filled = means(rows, lambda row: (row[1], int(row[0] // 4)))
    traces = {}
    for mz in range(100):
        known = [i for i in range(30 // 4, 1000 // 4) if (mz, i) in filled]
        if known and known[-1] - known[0] + 1 >= 4:
            span = np.arange(known[0], known[-1] + 1)
            traces[mz] = known[0], np.interp(span, known, [filled[mz, i] for i in known])
    return traces


@SAMPLES
def test_restriction_scans_and_bins_equal_a_row_by_row_reference(run: Run):
    rows = rows_of(run)
    readings = restrict(run)
    np.testing.assert_allclose(readings.temperature, [row[0] for row in rows])
    np.testing.assert_array_equal(readings.mz, [row[1] for row in rows])
    np.testing.assert_allclose(readings.abundance, [row[2] for row in rows])

    expected = scans_of(rows)
    temperature, abundance = scans(readings)
    np.testing.assert_allclose(
        temperature, [np.mean([row[0] for row in scan]) for scan in expected]
    )
    matrix = np.full((len(expected), 100), np.nan)
    for i, scan in enumerate(expected):
        for mz, value in means(scan, lambda row: row[1]).items():
            matrix[i, mz] = value
    np.testing.assert_allclose(abundance, matrix)

    binned = bin_readings(readings)
    traces = binned_of(rows)
    assert list(np.flatnonzero(binned.measured)) == sorted(traces)
    at = at_temperatures(binned, binned.abundance, temperature)
    for mz, (first, trace) in traces.items():
        assert (binned.first[mz], binned.length[mz]) == (first - 30 // 4, len(trace))
        placed = binned.abundance[:, mz]
        np.testing.assert_allclose(placed[~np.isnan(placed)], trace, err_msg=f"m/z {mz}")
        centres = (first + np.arange(len(trace)) + 0.5) * 4
        np.testing.assert_allclose(at[:, mz], np.interp(temperature, centres, trace))
    assert np.isnan(at[:, ~binned.measured]).all()


@pytest.mark.parametrize("sample", range(len(raw_samples())))
def test_prepared_run(sample: int):
    """Scans are the run's own or its bins; NaN stays where nothing was measured; quantiles fit."""
    raw, prepared = raw_samples()[sample], prepared_samples()[sample]
    readings = restrict(raw)
    binned = bin_readings(readings)
    if raw.instrument == "commercial":
        temperature, abundance = scans(readings)
    else:
        filled = np.isfinite(binned.abundance).any(axis=1)
        temperature, abundance = bin_centres()[filled], binned.abundance[filled]
    np.testing.assert_array_equal(prepared.temperature, temperature)
    np.testing.assert_array_equal(prepared.mz, np.flatnonzero(binned.measured))
    np.testing.assert_array_equal(prepared.abundance, abundance[:, prepared.mz])
    assert np.isfinite(prepared.baseline).all()
    assert np.nanmax(prepared.abundance) <= 1
    for signal, quantiles in zip(
        (prepared.abundance, prepared.abundance - prepared.baseline),
        prepared.background,
        strict=True,
    ):
        expected = np.nanquantile(signal, (0.001, 0.05, 0.10, 0.20), axis=0)
        np.testing.assert_allclose(quantiles, expected)
    assert (prepared.run_id, prepared.instrument, prepared.notes) == (
        raw.run_id,
        raw.instrument,
        raw.notes,
    )


def test_what_was_not_measured_stays_so():
    patchy = prepared_samples()[-1]
    raw = raw_samples()[-1]
    assert not {30, 31, 32, 40} & set(patchy.mz)  # never, or in too few bins
    within = (raw.temperature > 28) & (raw.temperature < 1000)
    holes = np.isnan(raw.abundance[within][:, np.searchsorted(raw.mz, patchy.mz)])
    np.testing.assert_array_equal(np.isnan(patchy.abundance), holes)


@pytest.mark.parametrize("instrument", ["commercial", "sam_testbed"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6)
def test_the_order_of_scans_does_not_matter(instrument, seed):
    rng = np.random.default_rng(seed)
    run = simulate_run(rng, instrument=instrument, config=TINY)
    for order in (rng.permutation(len(run.abundance)), np.arange(len(run.abundance))[::-1]):
        assert_identical(*prepare_runs([run, reordered(run, order)]))
    # The last order is that of a sample that cools.


def test_the_order_of_scans_at_equal_temperatures_does_not_matter():
    """Readings of one cell are summed in an order of their own: rounding does not tell theirs."""
    run = simulated(7)
    stepped = replace(run, temperature=np.round(run.temperature / 20) * 20)
    order = np.random.default_rng(0).permutation(len(run.abundance))
    assert_identical(*prepare_runs([stepped, reordered(stepped, order)]))


@pytest.mark.parametrize("instrument", ["commercial", "sam_testbed"])
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-60, 60), factor=st.floats(1e-9, 1e9))
@settings(max_examples=6)
def test_units_of_abundance_do_not_matter(instrument, seed, power, factor):
    run = simulate_run(np.random.default_rng(seed), instrument=instrument, config=TINY)
    scaled = replace(run, abundance=run.abundance * 2.0**power)
    assert_identical(*prepare_runs([run, scaled]))
    there = restrict(replace(run, abundance=run.abundance * factor))
    np.testing.assert_allclose(there.abundance, restrict(run).abundance, rtol=1e-12)


def test_runs_are_prepared_alike_alone_and_together():
    together = prepared_samples()
    for raw, run in zip(raw_samples(), together, strict=True):
        assert_identical(run, *prepare_runs([raw]))
    backwards = prepare_runs(raw_samples()[::-1])
    for run, again in zip(together, backwards[::-1], strict=True):
        assert_identical(run, again)


def test_a_bad_run_gives_an_error_in_its_place():
    good, bad = raw_samples()[0], too_cold()
    first, error, last = prepare_runs([good, bad, good])
    assert isinstance(error, InputError)
    assert "'cold'" in str(error)
    assert_identical(first, last)
    assert prepare_runs([]) == []
    assert isinstance(prepare_runs([bad])[0], InputError)


def too_cold() -> Run:
    return replace(small(), run_id="cold", temperature=np.linspace(-5, 28, 12))


def small() -> Run:
    """Twelve scans over 110 degC."""
    abundance = np.random.default_rng(0).uniform(1, 2, (12, 3))
    return Run("small", np.linspace(100, 210, 12), np.array([17.0, 18.0, 44.0]), abundance)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (too_cold(), ["'cold'", "no reading is left", "column 'temp'", "-5.0 to 28.0"]),
        (
            replace(small(), mz=np.array([17.5, 18.5, 144.0])),
            ["no reading is left", "column 'm/z'", "17.5 to 144"],
        ),
        (
            replace(small(), temperature=np.full(12, 300.0)),
            ["'small'", "only one temperature", "column 'temp'"],
        ),
        (
            replace(small(), abundance=-np.ones((12, 3))),
            ["'small'", "no abundance is above zero", "column 'abundance'"],
        ),
        (replace(small(), temperature=np.linspace(100, 110, 12)), ["'small'", "4 bins"]),
        (replace(small(), abundance=np.full((12, 3), np.nan)), ["'small'", "no reading is left"]),
    ],
    ids=["cold", "m/z", "isothermal", "negative", "narrow", "nothing measured"],
)
def test_errors_name_the_problem(run, words):
    (error,) = prepare_runs([run])
    assert isinstance(error, InputError)
    for word in words:
        assert word in str(error)


def test_borders_of_restriction():
    """28 < T < 1000; fractions of m/z below 0.3 or above 0.7; m/z below 100."""
    mz = np.array([-0.2, 11.29, 11.31, 11.69, 11.71, 98.8, 99.2, 99.8, 100.0])
    temperature = np.array([28.0, 28.001, 500.0, 999.999, 1000.0])
    abundance = np.arange(1.0, 46.0).reshape(5, 9)
    readings = restrict(Run("borders", temperature, mz, abundance))
    assert set(readings.mz) == {0, 11, 12, 99}
    assert set(readings.temperature) == {28.001, 500.0, 999.999}
    assert readings.abundance.max() == 1.0
    assert len(readings.mz) == 3 * 5  # 98.8 and 99.2 are both 99


def test_fewer_than_four_bins_are_no_trace():
    """Bins at 102 to 118 degC, of which m/z 1 has three, m/z 2 four, m/z 3 the two at the ends."""
    temperature = np.arange(102.0, 119.0, 4)
    abundance = np.array(
        [[np.nan, 2, 10], [1, 2, np.nan], [1, 3, np.nan], [1, 2, np.nan], [np.nan, np.nan, 50]]
    )
    binned = bin_readings(restrict(Run("gaps", temperature, np.arange(1.0, 4), abundance)))
    np.testing.assert_array_equal(binned.length[:5], [0, 0, 4, 5, 0])
    first = binned.first[3]
    assert bin_centres()[first] == temperature[0]
    np.testing.assert_allclose(binned.abundance[first : first + 5, 3] * 50, [10, 20, 30, 40, 50])


def reordered(run: Run, order: np.ndarray) -> Run:
    return replace(
        run, temperature=run.temperature[order], abundance=run.abundance[order], time=None
    )


def assert_identical(run: PreparedRun | InputError, other: PreparedRun | InputError) -> None:
    assert isinstance(run, PreparedRun), run
    assert isinstance(other, PreparedRun), other
    for name in ("temperature", "mz", "abundance", "baseline", "background"):
        np.testing.assert_array_equal(getattr(run, name), getattr(other, name), err_msg=name)
