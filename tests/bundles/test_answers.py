"""Every way into a bundle predicts the same, and says all it knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle_samples import LABELLED, SAM, refuse, same
from egams.ensemble.bundle import NEAREST_SHOWN, Bundle
from egams.ensemble.calls import CALLS
from egams.ensemble.ensemble import Ensemble, ensemble_scores
from egams.ensemble.predictions import Predictions
from egams.errors import ConfigError, InputError
from egams.families import FAMILIES
from egams.io import write_csv
from egams.run import Run
from egams.store.prepare import prepare
from egams.study.folds import WHOLE
from egams.study.gather import study_predictions
from egams.study.study import Study
from training_samples import labelled_runs


def test_predictions_are_complete(predicted: Predictions, runs: list[Run]) -> None:
    assert predicted.run_ids == tuple(run.run_id for run in runs)
    assert predicted.instruments == tuple(run.instrument for run in runs)
    shape = (len(runs), len(FAMILIES))
    assert predicted.probabilities.shape == predicted.spread.shape == shape
    assert predicted.draw_spread.shape == predicted.calls.shape == shape
    assert set(predicted.calls.ravel()) <= set(CALLS)
    assert len(predicted) == len(runs)
    assert not any(run.nearest for run in predicted), "folds know different training runs"
    assert [run.notes for run in predicted] == [run.notes for run in runs]
    assert predicted.skipped == ()


@pytest.mark.parametrize("members", ["bundle", "whole"])
def test_every_way_in_predicts_the_same(
    request: pytest.FixtureRequest, members: str, runs: list[Run], tmp_path: Path
) -> None:
    bundle: Bundle = request.getfixturevalue(members)
    predicted = bundle.predict(runs)
    store = prepare(runs, jobs=1)
    same(bundle.predict(store), predicted)
    same(bundle.predict(prepare(runs, tmp_path / "store", jobs=1)), predicted)
    same(bundle.predict(iter(runs)), predicted)
    for row, run in enumerate(runs[:3]):
        same(bundle.predict(run), predicted[row : row + 1])


def test_files_predict_as_the_runs_in_them(
    bundle: Bundle, predicted: Predictions, runs: list[Run], tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for run in runs:
        write_csv(run, folder / f"{run.run_id}.csv")
    same(bundle.predict(folder), predicted, atol=2e-3)  # text holds fewer digits


def test_a_run_is_predicted_alike_in_any_company(
    bundle: Bundle, predicted: Predictions, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = bundle.predict(runs[::-1])
    np.testing.assert_allclose(backwards.probabilities[::-1], predicted.probabilities, atol=1e-6)
    renamed = bundle.predict(replace(runs[1], run_id="another name"))
    np.testing.assert_allclose(renamed.probabilities[0], predicted.probabilities[1], atol=1e-6)
    monkeypatch.setattr("egams.ensemble.bundle.RUNS_IN_PART", 2)
    same(bundle.predict(runs), predicted)


def test_draws_and_seed_matter_and_repeat(bundle: Bundle, runs: list[Run]) -> None:
    state = torch.get_rng_state()
    first, again = (bundle.predict(runs[0], draws=1, seed=1) for _ in range(2))
    assert np.array_equal(first.probabilities, again.probabilities)
    for other in (
        bundle.predict(runs[0], draws=1, seed=2),
        bundle.predict(runs[0], draws=3, seed=1),
    ):
        assert not np.allclose(first.probabilities, other.probabilities, atol=1e-7)
    assert torch.equal(torch.get_rng_state(), state)
    refuse("0 test-time draws", ConfigError, lambda: bundle.predict(runs[0], draws=0))


def test_clip_of_the_instrument_bounds_probabilities(
    bundle: Bundle, predicted: Predictions, runs: list[Run]
) -> None:
    clips = {"commercial": 0.03, "sam_testbed": 0.2}

    def with_clips(given: dict[str, float]) -> Predictions:
        ensemble = Ensemble(replace(bundle.ensemble.whole, clips=given))
        changed = Bundle(bundle.manifest, bundle.members, ensemble, bundle.training_runs)
        return changed.predict(runs)

    clipped = with_clips(clips)
    plain = with_clips(dict.fromkeys(clips, 0.0)).probabilities
    assert set(predicted.instruments) == set(clips)
    for row, instrument in enumerate(clipped.instruments):
        c = clips[instrument]
        expected = plain[row] * (1 - 2 * c) + c
        np.testing.assert_allclose(clipped.probabilities[row], expected, atol=1e-6)
        assert clipped.probabilities[row].min() >= c
        assert clipped.probabilities[row].max() <= 1 - c


def test_few_sam_runs_keep_the_default_clip(bundle: Bundle) -> None:
    assert bundle.ensemble.whole.clips["sam_testbed"] >= 0.01
    assert "only 4 sam_testbed runs" in bundle.ensemble.whole.clip_notes["sam_testbed"]


def test_bad_runs_are_listed_with_the_reason(
    bundle: Bundle, predicted: Predictions, runs: list[Run]
) -> None:
    cold = replace(runs[0], run_id="cold", temperature=np.full(runs[0].temperature.shape, 5.0))
    mixed = bundle.predict([runs[0], cold, *runs[1:]])
    same(mixed, predicted)
    (skipped,) = mixed.skipped
    assert skipped.run_id == "cold"
    assert "cold" in skipped.reason
    refuse("cold", InputError, lambda: bundle.predict([runs[0], cold], strict=True))
    refuse("none of 1 runs can be used: .*cold", InputError, lambda: bundle.predict(cold))


def test_damaged_file_among_good_ones(bundle: Bundle, runs: list[Run], tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for run in runs[:2]:
        write_csv(run, folder / f"{run.run_id}.csv")
    (folder / "broken.csv").write_text("time,temp,m/z,abundance\n0,hot,18,1e-9\n", encoding="utf-8")
    predictions = bundle.predict(folder)
    assert set(predictions.run_ids) == {run.run_id for run in runs[:2]}
    assert [entry.run_id for entry in predictions.skipped] == ["broken"]
    assert "hot" in predictions.skipped[0].reason


def test_whole_members_know_all_training_runs(
    bundle: Bundle, whole: Bundle, study: Study, runs: list[Run]
) -> None:
    assert all(len(member.predictors) == 1 for member in whole.members)
    assert whole.manifest["members"][0]["folds"] == [WHOLE]
    assert "evident" in whole.ensemble.names
    # Fitted on the same out-of-fold predictions: those of members trained on all runs are none.
    weights = [each.ensemble.whole.stack.weights.tolist() for each in (whole, bundle)]
    assert weights[0] == weights[1]
    assert whole.manifest["scores"] == {
        name: pytest.approx(score, abs=1e-5)
        for name, score in ensemble_scores(study_predictions(study)).items()
    }
    assert sorted(whole.training_runs.run_ids) == sorted(study.truth())
    predicted = whole.predict(runs)
    assert not np.allclose(predicted.probabilities, bundle.predict(runs).probabilities, atol=1e-3)
    for run in predicted:
        away = [each.distance for each in run.nearest]
        assert len(away) == NEAREST_SHOWN
        assert away == sorted(away)
        assert away[0] > 0


def test_a_training_run_is_nearest_to_itself_and_usual(whole: Bundle) -> None:
    known = labelled_runs(LABELLED, 0, sam=SAM)
    predicted = whole.predict([replace(run, run_id=f"again {run.run_id}") for run in known])
    for run, of_run in zip(known, predicted, strict=True):
        first, second = of_run.nearest[:2]
        assert first.run_id == run.run_id
        assert first.distance < 0.1 * second.distance
        assert run.labels is not None
        assert first.families == tuple(np.array(FAMILIES)[run.labels == 1])
    reasons = [reason for run in predicted for reason in run.flags]
    assert not [reason for reason in reasons if "little is known of" not in reason]


def test_a_run_without_water_is_flagged_and_so_are_strangers(
    whole: Bundle, runs: list[Run]
) -> None:
    # Simulated SAM runs often lack m/z 18, so that m/z 17 alone is nothing unusual here.
    kept = ~np.isin(runs[-1].mz, (17, 18))
    abundance = runs[-1].abundance
    dry = replace(runs[-1], run_id="dry", mz=runs[-1].mz[kept], abundance=abundance[:, kept])
    usual, flagged = whole.predict([runs[-1], dry])
    reason, consequence = (each for each in flagged.flags if each not in usual.flags)
    assert "m/z 18 and 17 (H2O) not measured" in reason
    assert "iron oxide" in reason
    assert "iron oxide, phyllosilicate: cannot be excluded" in consequence
    rng = np.random.default_rng(0)
    noise = replace(runs[-1], run_id="noise", abundance=rng.uniform(size=abundance.shape))
    assert any("unlike every training run" in reason for reason in whole.predict(noise)[0].flags)


def test_details_say_all_of_it_as_json(whole: Bundle, runs: list[Run]) -> None:
    cold = replace(runs[0], run_id="cold", temperature=np.full(runs[0].temperature.shape, 5.0))
    predicted = whole.predict([*runs, cold])
    told = json.loads(json.dumps(predicted.details(), allow_nan=False))
    assert [entry["sample_id"] for entry in told["runs"]] == [run.run_id for run in runs]
    assert [entry["run_id"] for entry in told["skipped"]] == ["cold"]
    for row, entry in enumerate(told["runs"]):
        assert entry["instrument"] == runs[row].instrument
        assert list(entry["families"]) == list(FAMILIES)
        for column, said in enumerate(entry["families"].values()):
            assert said == {
                "probability": pytest.approx(predicted.probabilities[row, column], abs=1e-4),
                "spread": pytest.approx(predicted.spread[row, column], abs=1e-4),
                "draw_spread": pytest.approx(predicted.draw_spread[row, column], abs=1e-4),
                "call": predicted.calls[row, column],
                "unseen": predicted.unseen[row, column],
            }
        assert entry["flags"] == list(predicted[row].flags)
        nearest = [each.run_id for each in predicted[row].nearest]
        assert [each["sample_id"] for each in entry["nearest"]] == nearest
        assert len(nearest) == NEAREST_SHOWN


def test_spread_between_draws_is_that_of_predictions_from_single_draws(
    bundle: Bundle, runs: list[Run]
) -> None:
    assert not bundle.predict(runs, draws=1).draw_spread.any()
    assert bundle.predict(runs, draws=4).draw_spread.min() > 0
