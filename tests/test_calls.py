"""Calls: rates as promised, no contradiction, limits and what they rest on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from egams.ensemble.calls import (
    CALLS,
    MIN_RUNS,
    Calls,
    CallsByDistance,
    call_rates,
    fit_calls,
    fit_calls_by_distance,
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
@pytest.mark.parametrize("rates", [(0.05, 0.1), (0.2, 0.2)])
def test_calls_of_new_runs_err_no_more_than_promised(skill, rates):
    y, p, instruments = predicted(0, 1500, skill=skill)
    fitted = fit_calls(y, p, instruments, wrongly_present=rates[0], wrongly_absent=rates[1])
    y, p, instruments = predicted(1, 4000, skill=skill)
    found = call_rates(y, fitted.of(p, instruments))
    assert found.wrongly_present <= rates[0] + 0.01
    assert found.wrongly_absent <= rates[1] + 0.01
    if skill < 1:  # the promise is what decides, not the even chance: nothing is held back either
        assert found.wrongly_present >= rates[0] - 0.01
        assert found.uncertain > 0.4


@given(st.integers(0, 1000), st.floats(0.1, 4.0), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_no_call_contradicts_its_probability_or_a_likelier_one(seed, skill, false, missed):
    y, p, instruments = predicted(seed, 60, sam=9, skill=skill)
    calls = fit_calls(y, p, instruments, wrongly_present=false, wrongly_absent=missed).of(
        p, instruments
    )
    assert set(calls.ravel()) <= set(CALLS)
    assert (p[calls == "present"] >= 0.5).all()
    assert (p[calls == "absent"] < 0.5).all()
    order = np.vectorize(CALLS.index)(calls[9:])
    for family in range(10):
        assert (np.diff(order[p[9:, family].argsort(), family]) >= 0).all()


@given(st.integers(MIN_RUNS, 120), st.floats(0.05, 0.4), st.integers(0, 1000))
def test_the_limit_is_the_smallest_that_keeps_the_promise(runs, rate, seed):
    """Exchangeable runs: of n + 1 the one left out is kept with chance rank / (n + 1)."""
    p = np.random.default_rng(seed).random((runs, 1))
    fitted = fit_calls(np.zeros((runs, 1)), p, ["commercial"] * runs, wrongly_present=rate)
    rank = (p <= fitted.present_above["commercial"][0]).sum()
    assert rank / (runs + 1) >= 1 - rate - 1e-9 or rank == runs
    assert (rank - 1) / (runs + 1) < 1 - rate


def test_rounding_does_not_carry_a_whole_rank_past_itself():
    p, y, everyone = np.linspace(0.01, 0.69, 69)[:, None], np.zeros((69, 1)), ["commercial"] * 69
    fitted = fit_calls(y, p, everyone, wrongly_present=0.1)
    assert fitted.present_above["commercial"][0] == p[62, 0]


def test_a_limit_rests_on_the_nearest_that_has_enough_runs():
    y, p, instruments = predicted(3, 900, sam=9)
    y[:, 9] = np.arange(900) % 90 == 0
    fitted = fit_calls(y, p, instruments)
    assert set(fitted.absent_basis["commercial"][:9]) == {"family and instrument"}
    assert fitted.absent_basis["commercial"][9] == "instrument"
    assert set(fitted.present_basis["sam_testbed"]) == {"family"}
    assert fitted.absent_basis["sam_testbed"][9] == "all"
    y, p, instruments = predicted(4, 900, sam=400)
    fitted = fit_calls(y, p, instruments)
    assert set(fitted.absent_basis["sam_testbed"][:9]) == {"family and instrument"}


def test_with_hardly_any_run_nothing_is_called():
    y, p, instruments = predicted(5, 8)
    y[:] = 0
    fitted = fit_calls(y, p, instruments)
    assert (fitted.of(p, instruments) == "uncertain").all()
    assert set(fitted.absent_basis["commercial"]) == {"nothing"}


def test_rates_are_counted():
    calls = np.array([["present", "absent", "uncertain", "present"]])
    found = call_rates([[0, 1, 1, 1]], calls)
    assert (found.wrongly_present, found.wrongly_absent, found.uncertain) == (1.0, 1 / 3, 0.25)
    assert call_rates([[0, 0, 0, 0]], calls).wrongly_absent is None
    with pytest.raises(InputError, match="calls have shape"):
        call_rates([[0, 1]], calls)


def test_it_survives_json_and_refuses_what_does_not_fit():
    y, p, instruments = predicted(7, 100, sam=30)
    fitted, kept = fit_calls(y, p, instruments), TypeAdapter(Calls)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
    with pytest.raises(ConfigError, match="rate is 5"):
        fit_calls(y, p, instruments, wrongly_present=5)
    with pytest.raises(InputError, match="99 instruments"):
        fit_calls(y, p, instruments[1:])
    with pytest.raises(InputError, match="run and family"):
        fitted.of(p[:, :4], instruments)
    with pytest.raises(ValidationError, match="present_basis"):
        kept.validate_python({"wrongly_present": 0.05})


def test_the_promise_holds_for_runs_that_are_like_no_other_too():
    """Of far runs little is known: their probabilities are near to how frequent a family is."""
    rng = np.random.default_rng(9)
    distance = np.exp(rng.normal(0, 0.5, 4000))
    y = (rng.random((4000, 10)) < 0.3).astype(np.float32)
    skill = np.where(distance > 1.8, 0.3, 3.0)[:, None]
    p = 1 / (1 + np.exp(-(skill * (2 * y - 1) - 0.8 + rng.normal(0, 0.5, y.shape))))
    everyone, half = np.array(["commercial"] * 4000), np.arange(4000) < 2000
    given = y[~half], p[~half], everyone[~half]
    fitted = fit_calls_by_distance(y[half], p[half], everyone[half], distance[half])
    far = distance[~half] > fitted.far_from
    by_distance = fitted.of(*given[1:], distance[~half])
    for some in (far, ~far):
        assert call_rates(given[0][some], by_distance[some]).wrongly_absent <= 0.12
    alike = fit_calls_by_distance(y[half], p[half], everyone[half])
    assert alike.far is None
    without = call_rates(given[0][far], alike.of(*given[1:])[far])
    assert without.wrongly_absent > 0.3
    kept = TypeAdapter(CallsByDistance)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
    assert kept.validate_json(kept.dump_json(alike)) == alike
