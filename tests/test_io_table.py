"""Long table to scans and m/z: what holds for any table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egams.errors import InputError
from egams.io import open_source, write_csv
from egams.io.csv_text import readings_from_csv
from egams.io.heating import heating_of
from egams.io.table import LongTable, run_from_readings
from egams.run import Run
from io_samples import RUNS, assert_same


def readings(rows: np.ndarray) -> LongTable:
    time, temp, mz, abundance = np.asarray(rows, dtype=float).T
    return LongTable(time, temp, mz, abundance, file="table", line=lambda i: i + 1)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Any run whose scans all hold the lowest m/z, and whose m/z all hold a reading."""
    scans, mzs = draw(st.integers(2, 6)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mz = np.sort(rng.choice(1000, mzs, replace=False)) / draw(st.sampled_from([1, 10, 1000]))
    abundance = rng.normal(size=(scans, mzs)) * 10.0 ** draw(st.integers(-13, 7))
    missing = rng.random((scans, mzs)) < draw(st.sampled_from([0.0, 0.4]))
    missing[:, 0] = missing[0] = False
    abundance[missing] = np.nan
    temperature = rng.uniform(-60, 1100, scans)  # falling at times
    time = np.cumsum(rng.uniform(0.5, 5, scans))
    if mzs > 1 and draw(st.booleans()):
        own = np.where(missing, np.nan, np.linspace(0, 0.1, mzs))
        temperature, time = temperature[:, None] + own, time[:, None] + own
    return Run("r", temperature, mz, abundance, time, "commercial", labels=None)


@settings(max_examples=60, deadline=None)
@given(run=runs())
def test_written_and_read_back_a_run_is_the_same(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    write_csv(run, path)
    found = open_source(path, instrument="commercial").load("r")
    assert_same(found, heating_of(run))


@settings(max_examples=60, deadline=None)
@given(run=runs(), seed=st.integers(0, 2**32))
def test_scans_in_another_order_hold_the_same_values(run: Run, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(run.abundance))
    parts = (run.reading_temperature, np.broadcast_to(run.mz, run.abundance.shape), run.abundance)
    time = run.time if run.time.ndim == 2 else np.broadcast_to(run.time[:, None], parts[0].shape)
    rows = np.stack([time, *parts], axis=-1)[order]
    again = run_from_readings(readings(rows[~np.isnan(rows[..., 3])]), "r")
    np.testing.assert_array_equal(again.abundance, run.abundance[order])
    np.testing.assert_array_equal(again.temperature, run.temperature[order])


def test_an_instrument_that_is_not_given_is_inferred_by_one_rule() -> None:
    temperature, mz = np.linspace(30, 900, 3), np.arange(1.0, 3.0)
    counts = np.full((3, 2), 50.0)
    each = np.broadcast_to(temperature[:, None], counts.shape)
    for made, kind, why in (
        (Run("r", temperature, mz, 1e-9 * counts), "commercial", "currents below 1"),
        (Run("r", temperature, mz, counts), "commercial", "integer m/z and one time"),
        (Run("r", temperature, mz + 0.3, counts), "sam_testbed", "fractional"),
        (Run("r", temperature, mz, counts, time=each), "sam_testbed", "its own time"),
        (Run("r", each, mz, counts), "sam_testbed", "its own time"),
        (Run("r", temperature, mz, np.full((3, 2), np.nan)), "commercial", "currents"),
    ):
        assert made.instrument == kind
        (note,) = made.notes
        assert note.startswith(f"instrument inferred from the data: {kind} (")
        assert why in note
        assert replace(made, run_id="again").notes == made.notes
    known = open_source(made, instrument="sam_testbed").load("r")
    assert (known.instrument, known.notes) == ("sam_testbed", ())
    assert Run("r", temperature, mz, counts, instrument="sam_testbed").notes == ()
    with pytest.raises(InputError, match="instrument 'sam'"):
        Run("r", temperature, mz, counts, instrument="sam")


def test_scans_end_where_mz_does_not_ascend() -> None:
    rows = [[0, 30, 2, 1], [1, 31, 44, 2], [2, 32, 44, 3], [3, 33, 4, 4], [4, 34, 5, 5]]
    run = run_from_readings(readings(rows), "r")
    nan = np.nan
    expected = [[1, nan, nan, 2], [nan, nan, nan, 3], [nan, 4, 5, nan]]
    np.testing.assert_array_equal(run.mz, [2, 4, 5, 44])
    np.testing.assert_array_equal(run.abundance, expected)
    np.testing.assert_array_equal(
        run.temperature,
        np.where(
            np.isnan(expected), nan, [[30, nan, nan, 31], [nan, nan, nan, 32], [nan, 33, 34, nan]]
        ),
    )


def test_float32_mz_are_one_column() -> None:
    noisy = float(np.float32(35.8))
    rows = [[0, 30, 35.8, 1], [0, 30, 36, 1], [1, 31, noisy, 1], [1, 31, 36, 1]]
    assert noisy != 35.8
    np.testing.assert_array_equal(run_from_readings(readings(rows), "r").mz, [35.8, 36])


def test_an_empty_abundance_is_not_measured() -> None:
    text = b"time,temp,m/z,abundance\n0,30,2,1\n0,30,44,\n1,31,2,NaN\n1,31,44,\n2,32,2,3\n"
    run = run_from_readings(readings_from_csv(text, "x"), "x")
    np.testing.assert_array_equal(run.abundance, [[1], [3]])  # no scan, no m/z without a reading
    assert "3 rows without abundance" in run.notes[0]


def test_a_melted_table_is_put_in_order_of_time() -> None:
    long = np.array([[t, 30 + t, m, 10 * t + m] for t in range(4) for m in (2, 18, 44)])
    melted = long[np.argsort(long[:, 2], kind="stable")]
    one, other = (run_from_readings(readings(rows), "r") for rows in (long, melted))
    assert_same(one, other)
    assert "grouped by m/z" in other.notes[0]


def test_one_mz_gives_a_scan_per_row() -> None:
    run = run_from_readings(readings([[t, 30 + t, 44, t] for t in range(5)]), "r")
    assert run.abundance.shape == (5, 1)


@pytest.mark.parametrize(
    ("counts", "fraction", "own_time", "expected"),
    [
        (1e4, 0.0, True, "sam_testbed"),
        (1e4, 0.5, False, "sam_testbed"),
        (1e4, 0.0, False, "commercial"),
        (1e-9, 0.0, True, "commercial"),  # the challenge has one such run
    ],
)
def test_the_instrument_is_told(
    counts: float, fraction: float, own_time: bool, expected: str
) -> None:
    rows = [
        [t + 0.1 * k * own_time, 30 + t, m + fraction, counts]
        for t in range(3)
        for k, m in enumerate((2, 44))
    ]
    run = run_from_readings(readings(rows), "r")
    assert run.instrument == expected
    assert expected in run.notes[0]


def test_a_row_is_refused_only_with_its_number() -> None:
    rows = [[t, 30 + t, m, 1] for t in range(3) for m in (2, 44)]
    with pytest.raises(InputError, match=r"table, row 7, column 'm/z'.*44 at 1 s.*row 4"):
        run_from_readings(readings([*rows, rows[3]]), "r")
    with pytest.raises(InputError, match="row 7"):
        run_from_readings(readings([*rows, *rows]), "r")
    rows[0][3] = np.nan  # rows that are left out still count
    with pytest.raises(InputError, match=r"row 7.*row 4"):
        run_from_readings(readings([*rows, rows[3]]), "r")


def test_a_run_without_time_has_no_csv(tmp_path: Path) -> None:
    run = RUNS["S0001"]
    with pytest.raises(InputError, match="no time"):
        write_csv(Run("r", run.temperature, run.mz, run.abundance), tmp_path / "r.csv")
