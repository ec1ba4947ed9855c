"""Stacking: weights that are the best there are, whatever the order, company and copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from egams.ensemble import stacking
from egams.ensemble.stacking import CAUTION, NEGLIGIBLE, fit_stack, logit
from egams.errors import InputError
from egams.logloss import mean_log_loss
from ensemble_samples import made_up

SEEDS = st.integers(0, 2**32)
SKILLS = st.lists(st.floats(-1, 3), min_size=1, max_size=5).map(tuple)


def penalised(labels: np.ndarray, members: np.ndarray, weights: np.ndarray) -> float:
    """What the weights are to make small, written out."""
    p = expit(np.tensordot(weights, logit(members), axes=1))
    return mean_log_loss(labels, p) + CAUTION * np.sum((weights - 1 / len(weights)) ** 2)


@given(SEEDS, SKILLS)
def test_no_weights_are_better_and_none_is_negative(seed: int, skills: tuple[float, ...]) -> None:
    sample = made_up(seed, runs=60, skills=skills)
    y, members = sample.labels, sample.mean_over_draws
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacking, "NEGLIGIBLE", 0)
        best = fit_stack(y, members, sample.names)
    assert best.weights.min() >= 0
    if max(skills) <= 0:  # nobody may be the best, but somebody has to speak
        return
    found = penalised(y, members, best.weights)
    rng = np.random.default_rng(seed)
    for size in (0.001, 0.01, 0.1, 1.0):
        other = np.maximum(best.weights + size * rng.normal(size=(20, len(skills))), 0)
        assert found <= min(penalised(y, members, weights) for weights in other) + 1e-9
    # A negligible member is left out, and the others say what they said beside it.
    stack = fit_stack(y, members, sample.names)
    heard = best.weights >= NEGLIGIBLE * best.weights.sum()
    np.testing.assert_array_equal(stack.weights, np.where(heard, best.weights, 0))
    p = stack.probabilities(members)
    assert ((p > 0) & (p < 1)).all()


@given(SEEDS, st.permutations(range(4)))
def test_order_of_members_changes_nothing(seed: int, order: list[int]) -> None:
    sample = made_up(seed, skills=(2.0, 1.5, 1.0, -0.5))
    y, members = sample.labels, sample.mean_over_draws
    here = fit_stack(y, members, sample.names)
    names = tuple(sample.names[place] for place in order)
    there = fit_stack(y, members[order], names)
    assert there.names == names
    np.testing.assert_allclose(there.weights, here.weights[order], atol=1e-4)


@given(SEEDS)
def test_a_copy_takes_half_the_weight_and_changes_little(seed: int) -> None:
    sample = made_up(seed)
    y, members = sample.labels, sample.mean_over_draws
    alone = fit_stack(y, members, sample.names)
    doubled = np.concatenate([members[:1], members])
    stack = fit_stack(y, doubled, ("copy", *sample.names))
    assert stack.weights[0] == pytest.approx(stack.weights[1], abs=1e-4)
    assert stack.weights[:2].sum() == pytest.approx(alone.weights[0], abs=0.35)
    change = np.abs(stack.probabilities(doubled) - alone.probabilities(members))
    assert change.mean() < 0.005
    assert change.max() < 0.2


@given(SEEDS)
def test_a_useless_member_gets_next_to_nothing(seed: int) -> None:
    sample = made_up(seed, runs=300, skills=(2.0, 0.0, -2.0))
    members = sample.mean_over_draws
    members[1] = expit(3 * logit(members[1]))
    weights = fit_stack(sample.labels, members, sample.names).weights
    assert weights[0] > 0.5
    assert weights[1] < 0.25 * weights[0], "noise that is sure of itself"
    assert weights[2] == 0, "the opposite of the truth"


def test_too_sure_members_weigh_less_than_one_together() -> None:
    sample = made_up(5, runs=400, skills=(1.0, 1.0))
    members = expit(3 * logit(sample.mean_over_draws))
    assert 0.1 < fit_stack(sample.labels, members, sample.names).weights.sum() < 0.9


def test_what_does_not_fit_is_refused() -> None:
    sample = made_up(0, runs=12)
    stack = fit_stack(sample.labels, sample.mean_over_draws, sample.names)
    with pytest.raises(InputError, match="for 3 weights"):
        stack.probabilities(sample.mean_over_draws[:2])
    with pytest.raises(InputError):
        fit_stack(sample.labels + 0.5, sample.mean_over_draws, sample.names)
