"""Calibration of probabilities for each family and instrument."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from egams.ensemble.calibration import Calibration, fit_calibration
from egams.errors import InputError
from egams.evaluate.metrics import calibration_error
from egams.families import INSTRUMENTS
from egams.logloss import mean_log_loss

seeds = st.integers(0, 10_000)


def overconfident(seed: int, runs: int = 400, sam: int = 0, slope: float = 2.0, shift: float = 1.0):
    """Labels, probabilities whose logits are `slope` times too large and `shift` too high."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, (runs, 10))
    y = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    p = 1 / (1 + np.exp(-(slope * logit + shift)))
    return y, p, np.array(["sam_testbed"] * sam + ["commercial"] * (runs - sam))


def test_it_repairs_runs_it_has_not_seen_that_are_too_sure():
    y, p, instruments = overconfident(0, runs=4000)
    fitted = fit_calibration(y[2000:], p[2000:], instruments[2000:])
    y, p, instruments = y[:2000], p[:2000], instruments[:2000]
    calibrated = fitted.apply(p, instruments)
    assert calibration_error(y, p) > 0.05
    assert calibration_error(y, calibrated) < 0.01
    assert mean_log_loss(y, calibrated) < mean_log_loss(y, p) - 0.03


def test_well_calibrated_probabilities_stay():
    y, p, instruments = overconfident(1, runs=2000, slope=1.0, shift=0.0)
    np.testing.assert_allclose(
        fit_calibration(y, p, instruments).apply(p, instruments), p, atol=0.03
    )


@given(seeds)
def test_order_and_range_stay_whatever_the_labels(seed):
    rng = np.random.default_rng(seed)
    y, p, instruments = overconfident(seed, runs=60, sam=9)
    p[rng.random(p.shape) < 0.1] = rng.choice([0.0, 1.0])
    fitted = fit_calibration(1 - y if seed % 2 else y, p, instruments)
    calibrated = fitted.apply(np.stack([p, p]), instruments)
    np.testing.assert_array_equal(calibrated[0], calibrated[1])
    calibrated = calibrated[0]
    assert ((calibrated > 0) & (calibrated < 1)).all()
    for instrument in INSTRUMENTS:
        here = instruments == instrument
        order = np.argsort(p[here], axis=0)
        steps = np.diff(np.take_along_axis(calibrated[here], order, 0), axis=0)
        assert (steps >= -1e-12).all()


@given(seeds)
def test_order_of_runs_changes_nothing(seed):
    y, p, instruments = overconfident(seed, runs=80, sam=12)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    plain = fit_calibration(y, p, instruments)
    again = fit_calibration(y[shuffled], p[shuffled], instruments[shuffled])
    for name in INSTRUMENTS:
        np.testing.assert_allclose(again.slope[name], plain.slope[name], atol=1e-5)
        np.testing.assert_allclose(again.shift[name], plain.shift[name], atol=1e-5)


def test_nine_sam_runs_move_sam_a_little_and_commercial_hardly():
    y, p, instruments = overconfident(3, runs=763, sam=9, slope=1.0, shift=0.0)
    sam = instruments == "sam_testbed"
    higher = np.where(sam[:, None], p * np.e / (1 - p + p * np.e), p)
    before, after = fit_calibration(y, p, instruments), fit_calibration(y, higher, instruments)
    moved = {
        name: np.subtract(after.shift[name], before.shift[name]).mean() for name in INSTRUMENTS
    }
    assert -0.3 < moved["sam_testbed"] < -0.005
    assert abs(moved["commercial"]) < -moved["sam_testbed"] / 2


def test_an_instrument_without_runs_gets_the_maps_of_the_families():
    y, p, _ = overconfident(4)
    fitted = fit_calibration(y, p, ["commercial"] * len(y))
    assert fitted.runs == {"commercial": len(y), "sam_testbed": 0}
    assert max(fitted.slope["sam_testbed"]) < 0.9


def test_it_survives_json_and_refuses_what_does_not_fit():
    y, p, instruments = overconfident(5, runs=50, sam=5)
    fitted, kept = fit_calibration(y, p, instruments), TypeAdapter(Calibration)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
    with pytest.raises(InputError, match="unknown instrument 'quadrupole'"):
        fitted.apply(p[:1], ["quadrupole"])
    with pytest.raises(InputError, match="run and family"):
        fitted.apply(p, instruments[1:])
    with pytest.raises(InputError, match="49 instruments for 50 runs"):
        fit_calibration(y, p, instruments[1:])
    with pytest.raises(ValidationError, match="slope"):
        kept.validate_python({})
    uneven = kept.dump_python(fitted, mode="json")
    uneven["shift"]["commercial"].pop()
    with pytest.raises(ValidationError, match="equally many"):
        kept.validate_python(uneven)
    for values in uneven["shift"].values():
        del values[4:]
    with pytest.raises(ValidationError, match="unequal"):
        kept.validate_python(uneven)


def test_the_fit_is_where_the_objective_is_lowest():
    """Four families that are the same, one instrument: nothing nearby is lower."""
    from egams.ensemble import calibration as c

    y, p, instruments = overconfident(6, runs=300)
    y, p = y[:, :1], p[:, :1]
    fitted = fit_calibration(np.repeat(y, 4, 1), np.repeat(p, 4, 1), instruments)
    logit = np.log(p) - np.log1p(-p)
    # What is shared by four equal families is cheapest as a sum whose variances add up.
    variance = c.COMMON_PULL**2 + c.OWN_PULL**2 / 4 + c.OWN_PULL**2

    def objective(slope, shift):
        z = slope * logit + shift
        pull = (slope - 1) ** 2 + (shift / c.SHIFT_TO_SLOPE) ** 2
        return (np.logaddexp(0, z) - y * z).sum() + pull / (2 * variance)

    slope, shift = fitted.slope["commercial"][0], fitted.shift["commercial"][0]
    best = objective(slope, shift)
    for step in (0.003, 0.03):
        for change in ((step, 0), (-step, 0), (0, step), (0, -step)):
            assert objective(slope + change[0], shift + change[1]) > best


def test_what_is_far_from_all_training_runs_is_answered_with_more_care():
    """Members that are twice too sure of the far runs, and twice too careful of the near ones."""
    rng = np.random.default_rng(8)
    logit = rng.normal(0, 2, (2000, 10))
    y = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    distance = np.exp(rng.uniform(-1, 1, len(y)))
    p = 1 / (1 + np.exp(-logit * distance[:, None]))
    everyone = np.array(["commercial"] * len(y))
    half = np.arange(len(y)) < 1000
    fitted = fit_calibration(y[half], p[half], everyone[half], distance[half])
    assert fitted.by_distance is not None
    assert fitted.by_distance.exponent == pytest.approx(-1, abs=0.1)
    there = everyone[~half]
    known = fitted.apply(p[~half], there, distance[~half])
    unknown = fitted.apply(p[~half], there)
    assert np.abs(np.log(known / (1 - known)) - logit[~half]).mean() < 0.2
    assert mean_log_loss(y[~half], known) < mean_log_loss(y[~half], unknown) - 0.01
    typical = np.full(1000, fitted.by_distance.typical)
    np.testing.assert_array_equal(fitted.apply(p[~half], there, typical), unknown)
    kept = TypeAdapter(Calibration)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
