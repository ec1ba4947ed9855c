"""Conformal label sets: coverage, thresholds, what they rest on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from egams.ensemble.conformal import (
    MIN_RUNS,
    STATES,
    Conformal,
    coverage_of,
    fit_conformal,
    states_of,
)
from egams.errors import ConfigError, InputError


def predicted(seed: int, runs: int, sam: int = 0, skill: float = 2.0):
    """Labels, probabilities that tell something of them, instruments; family 9 is rare."""
    rng = np.random.default_rng(seed)
    share = np.array([0.3] * 9 + [0.02])
    y = (rng.random((runs, 10)) < share).astype(np.float32)
    p = 1 / (1 + np.exp(-(skill * (2 * y - 1) + rng.normal(0, 1.5, y.shape))))
    return y, p, np.array(["sam_testbed"] * sam + ["commercial"] * (runs - sam))


@pytest.mark.parametrize("skill", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_new_runs_are_covered_as_promised_in_each_class(skill, coverage):
    y, p, instruments = predicted(0, 1500, skill=skill)
    fitted = fit_conformal(y, p, instruments, coverage=coverage)
    y, p, instruments = predicted(1, 4000, skill=skill)
    found = coverage_of(y, fitted.sets(p, instruments))
    for share in (found.total, *found.by_class.values()):
        assert share == pytest.approx(coverage, abs=0.02)


@given(st.integers(MIN_RUNS, 120), st.floats(0.05, 0.95), st.integers(0, 1000))
def test_the_threshold_is_the_smallest_that_keeps_the_promise(runs, coverage, seed):
    """Exchangeable runs: of n + 1 the one left out is covered with chance rank / (n + 1)."""
    p = np.random.default_rng(seed).random((runs, 1))
    everyone = ["commercial"] * runs
    for y, typical in ((np.zeros((runs, 1)), p), (np.ones((runs, 1)), -p)):
        sets = fit_conformal(y, p, everyone, coverage=coverage).sets(p, everyone)
        kept = sets[:, 0, int(y[0, 0])]
        rank = kept.sum()
        if rank < runs:
            assert rank / (runs + 1) >= coverage - 1e-9 > (rank - 1) / (runs + 1) - 1e-9
            assert typical[kept].max() < typical[~kept].min()
        else:
            assert (runs - 1) / (runs + 1) < coverage


def test_rounding_does_not_carry_a_whole_rank_past_itself():
    p, y, everyone = np.linspace(0.01, 0.69, 69)[:, None], np.zeros((69, 1)), ["commercial"] * 69
    assert fit_conformal(y, p, everyone, coverage=0.9).absent_to["commercial"][0] == p[62, 0]


def test_equal_probabilities_stay_together_and_are_covered():
    y, p, instruments = predicted(2, 600)
    coarse = np.round(p, 1)
    sets = fit_conformal(y, coarse, instruments).sets(coarse, instruments)
    found = coverage_of(y, sets)
    assert min(found.by_class.values()) >= 0.9
    for family in range(10):
        for value in np.unique(coarse[:, family]):
            assert len(np.unique(sets[coarse[:, family] == value, family], axis=0)) == 1


def test_a_threshold_rests_on_the_nearest_that_has_enough_runs():
    y, p, instruments = predicted(3, 900, sam=9)
    y[:, 9] = np.arange(900) % 90 == 0
    fitted = fit_conformal(y, p, instruments)
    assert set(fitted.present_basis["commercial"][:9]) == {"family and instrument"}
    assert fitted.present_basis["commercial"][9] == "instrument"
    assert set(fitted.absent_basis["sam_testbed"]) == {"family"}
    assert fitted.present_basis["sam_testbed"][9] == "all"
    y, p, instruments = predicted(4, 900, sam=400)
    fitted = fit_conformal(y, p, instruments)
    assert set(fitted.present_basis["sam_testbed"][:9]) == {"family and instrument"}


def test_with_hardly_any_run_nothing_is_excluded():
    y, p, instruments = predicted(5, 8)
    y[:] = 0
    fitted = fit_conformal(y, p, instruments)
    assert (fitted.states(p, instruments) == "open").all()
    assert set(fitted.present_basis["commercial"]) == {"nothing"}


def test_sets_of_runs_not_seen_hold_nine_labels_in_ten():
    y, p, instruments = predicted(6, 800)
    fitted = fit_conformal(y[400:], p[400:], instruments[400:])
    y, sets = y[:400], fitted.sets(p[:400], instruments[:400])
    assert coverage_of(y, sets).total == pytest.approx(0.9, abs=0.02)


def test_words_and_shares():
    sets = np.array([[[False, False], [True, False], [False, True], [True, True]]])
    assert states_of(sets).tolist() == [["odd", "absent", "present", "open"]]
    found = coverage_of([[1, 0, 0, 1]], sets)
    assert (found.total, found.by_class) == (0.5, {"absent": 0.5, "present": 0.5})
    assert found.states == dict.fromkeys(STATES, 0.25)
    assert coverage_of([[0, 0, 0, 0]], sets).by_class["present"] is None


def test_it_survives_json_and_refuses_what_does_not_fit():
    y, p, instruments = predicted(7, 100, sam=30)
    fitted, kept = fit_conformal(y, p, instruments), TypeAdapter(Conformal)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
    with pytest.raises(ConfigError, match="coverage is 90"):
        fit_conformal(y, p, instruments, coverage=90)
    with pytest.raises(InputError, match="99 instruments"):
        fit_conformal(y, p, instruments[1:])
    with pytest.raises(InputError, match="run and family"):
        fitted.sets(p[:, :4], instruments)
    with pytest.raises(ValidationError, match="present_basis"):
        kept.validate_python({"coverage": 0.9})
