"""The ensemble: the same from JSON, blind to the fold it is scored on, in this order of steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from egams.ensemble.calls import fit_calls_by_distance
from egams.ensemble.clip import clip_probabilities, run_clips
from egams.ensemble.ensemble import Ensemble, ensemble_scores, fit_ensemble, nested_ensemble
from egams.logloss import mean_log_loss
from ensemble_samples import made_up

SAMPLE = made_up(1, runs=160, skills=(2.0, 1.5, -1.0))
MEMBERS = SAMPLE.mean_over_draws

KEPT = TypeAdapter(Ensemble)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return fit_ensemble(SAMPLE.labels, MEMBERS, SAMPLE.names, SAMPLE.instruments)


def test_stack_then_calibration_then_clip(ensemble: Ensemble) -> None:
    whole = ensemble.whole
    stacked = whole.stack.probabilities(MEMBERS)
    calibrated = whole.calibration.apply(stacked, SAMPLE.instruments)
    expected = clip_probabilities(calibrated, run_clips(SAMPLE.instruments, whole.clips))
    given = ensemble.probabilities(MEMBERS, SAMPLE.instruments)
    np.testing.assert_array_equal(given, expected)
    assert not np.allclose(stacked, calibrated, atol=1e-3)
    refitted = fit_calls_by_distance(SAMPLE.labels, given, SAMPLE.instruments)
    assert whole.calls == refitted, "calls are of the probabilities that are given in the end"


def test_json_gives_the_same_ensemble_back(ensemble: Ensemble) -> None:
    again = KEPT.validate_json(KEPT.dump_json(ensemble))
    here = ensemble.probabilities(MEMBERS, SAMPLE.instruments)
    there = again.probabilities(MEMBERS, SAMPLE.instruments)
    np.testing.assert_array_equal(there, here)
    assert again.names == ensemble.names
    assert again.whole.clips == ensemble.whole.clips
    assert again.whole.clip_notes == ensemble.whole.clip_notes
    np.testing.assert_array_equal(
        again.calls(here, SAMPLE.instruments), ensemble.calls(here, SAMPLE.instruments)
    )


@pytest.mark.parametrize("lacking", ["stack", "calibration", "clips", "clip_notes", "calls"])
def test_an_ensemble_that_lacks_something_is_refused(ensemble: Ensemble, lacking: str) -> None:
    whole: dict[str, Any] = KEPT.dump_python(ensemble, mode="json")["whole"]
    part = {key: value for key, value in whole.items() if key != lacking}
    for content in (part, whole | {lacking: 3}):
        with pytest.raises(ValidationError, match=lacking):
            KEPT.validate_python({"whole": content})


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (["a", "b"], [1.0]),
        (["a", "a"], [0.5, 0.5]),
        (["a", "b"], [1.0, -0.1]),
        (["a", "b"], [1.0, float("nan")]),
        (["a", "b"], [[1.0], [1.0]]),
    ],
)
def test_weights_that_cannot_be_are_refused(
    ensemble: Ensemble, names: list[str], weights: list[Any]
) -> None:
    whole: dict[str, Any] = KEPT.dump_python(ensemble, mode="json")
    with pytest.raises(ValidationError, match="weight"):
        KEPT.validate_python(whole | {"stack": {"names": names, "weights": weights}})


def test_members_without_weight_are_not_needed(ensemble: Ensemble) -> None:
    used = ensemble.without_unused()
    assert used.names == ("member0", "member1")
    np.testing.assert_allclose(
        used.probabilities(MEMBERS[:2], SAMPLE.instruments),
        ensemble.probabilities(MEMBERS, SAMPLE.instruments),
        rtol=1e-12,
    )


def test_labels_of_a_fold_decide_nothing_about_it() -> None:
    held = SAMPLE.folds == 1
    labels = np.where(held[:, None], 1 - SAMPLE.labels, SAMPLE.labels)
    here, there = nested_ensemble(SAMPLE), nested_ensemble(replace(SAMPLE, labels=labels))
    np.testing.assert_array_equal(there.probabilities[held], here.probabilities[held])
    np.testing.assert_array_equal(there.calls[held], here.calls[held])
    assert not np.allclose(there.probabilities[~held], here.probabilities[~held], atol=1e-3)


def test_scores_are_those_of_what_they_say() -> None:
    scores = ensemble_scores(SAMPLE)
    plain = mean_log_loss(SAMPLE.labels, MEMBERS.mean(0))
    assert scores["all_members"] == pytest.approx(plain)
    assert scores["nested"] == mean_log_loss(SAMPLE.labels, nested_ensemble(SAMPLE).probabilities)
    assert scores["in_sample"] < scores["nested"] < scores["all_members"]


def test_members_that_are_all_worse_than_nothing_still_make_an_ensemble() -> None:
    """As after a training of one epoch, for a try."""
    sample = made_up(3, runs=40, skills=(-1.0, -2.0))
    ensemble = fit_ensemble(sample.labels, sample.mean_over_draws, sample.names, sample.instruments)
    used = ensemble.without_unused()
    assert used.names, "nobody is left"
    members = sample.mean_over_draws[[sample.names.index(name) for name in used.names]]
    given = used.probabilities(members, sample.instruments)
    assert mean_log_loss(sample.labels, given) < np.log(2)


LACKING = made_up(2, runs=120, skills=(-1.0, 0.5, 2.0))
"""Versions that lack data are best predicted by another member than whole runs are."""


def test_runs_that_lack_data_are_put_together_in_their_own_way(ensemble: Ensemble) -> None:
    both = fit_ensemble(SAMPLE.labels, MEMBERS, SAMPLE.names, SAMPLE.instruments, lacking=LACKING)
    assert both.lacking is not None
    assert both.whole.stack.weights.argmax() == 0
    assert both.lacking.stack.weights.argmax() == 2
    lacks = np.arange(len(SAMPLE.run_ids)) % 3 == 0
    given = both.probabilities(MEMBERS, SAMPLE.instruments, lacks=lacks)
    alone = both.lacking.probabilities(MEMBERS, SAMPLE.instruments)
    whole = ensemble.probabilities(MEMBERS, SAMPLE.instruments)
    np.testing.assert_array_equal(given, np.where(lacks[:, None], alone, whole))
    calls = both.calls(given, SAMPLE.instruments, lacks=lacks)
    np.testing.assert_array_equal(
        calls[lacks], both.lacking.calls.of(given, SAMPLE.instruments)[lacks]
    )
    used = both.without_unused()
    assert used.names == SAMPLE.names, "a member that either way needs is kept"
    there = used.probabilities(MEMBERS, SAMPLE.instruments, lacks=lacks)
    np.testing.assert_array_equal(there, given)
    other = replace(both.lacking, stack=replace(both.lacking.stack, names=("a", "b", "c")))
    with pytest.raises(ValidationError, match="other members"):
        replace(both, lacking=other)
