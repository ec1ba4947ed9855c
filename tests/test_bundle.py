"""Bundles: what is in them, that every way in predicts the same, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egams.artifact import MANIFEST, sealed, write_json
from egams.ensemble.bundle import NEAREST_SHOWN, Bundle, load_bundle
from egams.ensemble.bundle_files import BundleManifest
from egams.ensemble.calls import CALLS
from egams.ensemble.ensemble import Ensemble, ensemble_scores, fit_ensemble, nested_ensemble
from egams.ensemble.predictions import Predictions
from egams.errors import ArtifactError, ConfigError, EgamsError, InputError
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES
from egams.io import write_csv
from egams.models.answering_network import AnsweringNetwork
from egams.models.onnx_network import NETWORK
from egams.models.trees import LightgbmConfig
from egams.models.vit import Vit1dConfig
from egams.models.weights import WEIGHTS
from egams.run import Run
from egams.store.prepare import prepare
from egams.study.folds import WHOLE, FoldSettings
from egams.study.gather import study_predictions
from egams.study.make_bundle import make_bundle
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, small, tiny_experiment

TREES = Experiment(name="trees", model=LightgbmConfig(trees=6, renders=2, fewest_in_leaf=2))
FOLDS, DRAWS, LABELLED, SAM = 2, 2, 20, 4


def trained(output: Path, **changes: Any) -> Study:
    """A network, the same with evidence, and trees; what is there already is kept."""
    store = prepare(labelled_runs(LABELLED, 0, sam=SAM), jobs=1)
    net = tiny_experiment(epochs=3, learning_rate=1e-2)
    evident = net.model_copy(update={"name": "evident", "evidence": True})
    settings = {"folds": FOLDS, "draws": DRAWS, "jobs": 1, **changes}
    return cross_validate(store, [net, evident, TREES], output, **settings)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return trained(
        tmp_path_factory.mktemp("bundles") / "study", folds=FoldSettings(FOLDS, sam_fold=True)
    )


@pytest.fixture(scope="module")
def bundle(study: Study) -> Bundle:
    return load_bundle(make_bundle(study, study.folder.parent / "bundle"))


@pytest.fixture(scope="module")
def whole(study: Study) -> Bundle:
    """Of the same study, after members were trained on all runs too."""
    output = study.folder.parent / "whole-study"
    shutil.copytree(study.folder, output)
    more = trained(output, folds=FoldSettings(FOLDS, whole=True))
    return load_bundle(make_bundle(more, output.parent / "whole-bundle"))


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Runs of both instruments that the study has not seen, without labels."""
    return [replace(run, labels=None) for run in labelled_runs(5, 77, sam=2)]


@pytest.fixture(scope="module")
def predicted(bundle: Bundle, runs: list[Run]) -> Predictions:
    return bundle.predict(runs)


@pytest.fixture
def copied(study: Study, bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(study.folder.parent / "bundle", tmp_path / "copy"))


def edit(folder: Path, **changes: Any) -> None:
    """Change the manifest; None removes a key."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in manifest.items() if value is not None}
    write_json(folder / MANIFEST, sealed(kept))


def refuse(saying: str, kind: type[EgamsError], call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=f"(?s){saying}"):
        call()


def same(first: Predictions, second: Predictions, atol: float = 1e-6) -> None:
    assert first.run_ids == second.run_ids
    assert first.instruments == second.instruments
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=atol)
    np.testing.assert_allclose(first.spread, second.spread, atol=atol)
    np.testing.assert_allclose(first.draw_spread, second.draw_spread, atol=atol)
    np.testing.assert_array_equal(first.calls, second.calls)
    for here, there in zip(first, second, strict=True):
        assert here.flags == there.flags
        assert [each.run_id for each in here.nearest] == [each.run_id for each in there.nearest]
        away = [each.distance for each in here.nearest]
        np.testing.assert_allclose(away, [each.distance for each in there.nearest], atol=100 * atol)


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


def test_only_harmless_formats_are_in_it(bundle: Bundle, study: Study) -> None:
    folder = study.folder.parent / "bundle"
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            length = int.from_bytes(content[:8], "little")
            assert "dtype" in str(json.loads(content[8 : 8 + length]))
        elif path.suffix == ".txt":
            assert content.startswith(b"tree\n")
        else:
            assert path.suffix == ".json"
            json.loads(content)
    listed = set(bundle.manifest["files"])
    assert listed == {str(path.relative_to(folder)) for path in files} - {MANIFEST}


def test_manifest_says_where_it_comes_from(bundle: Bundle, study: Study) -> None:
    manifest = bundle.manifest
    assert manifest["families"] == list(FAMILIES)
    assert manifest["draws"] == DRAWS
    assert manifest["data"] == study.manifest.data
    assert manifest["study"]["runs_used"] == LABELLED
    assert manifest["egams_version"]


def test_ensemble_rests_on_out_of_fold_predictions_only(bundle: Bundle, study: Study) -> None:
    predictions = study_predictions(study)
    assert predictions.names == ("evident", "tiny", "trees")
    assert predictions.probabilities.shape == (3, DRAWS, LABELLED, len(FAMILIES))
    assert len(set(predictions.run_ids)) == LABELLED
    fitted = fit_ensemble(
        predictions.labels,
        predictions.mean_over_draws,
        predictions.names,
        predictions.instruments,
    ).without_unused()
    names = tuple(member.experiment.name for member in bundle.members)
    assert names == bundle.ensemble.names == fitted.names
    np.testing.assert_allclose(bundle.ensemble.whole.stack.weights, fitted.whole.stack.weights)
    assert all(len(member.predictors) == FOLDS for member in bundle.members)
    assert bundle.manifest["scores"] == {
        name: pytest.approx(score, abs=1e-5) for name, score in ensemble_scores(predictions).items()
    }
    assert set(bundle.manifest["scores"]) == {"in_sample", "nested", "all_members"}
    sam = study_predictions(study, sam_fold=True)
    assert set(sam.instruments) == {"sam_testbed"}
    assert len(sam.run_ids) == SAM


def test_nested_score_does_not_see_the_fold_it_scores(study: Study) -> None:
    """Labels of one fold decide nothing about the ensemble that speaks for that fold."""
    predictions = study_predictions(study)
    before = nested_ensemble(predictions)
    held = predictions.folds == 0
    labels = np.where(held[:, None], 1 - predictions.labels, predictions.labels)
    after = nested_ensemble(replace(predictions, labels=labels))
    np.testing.assert_array_equal(after.probabilities[held], before.probabilities[held])


def test_unfinished_study_makes_no_bundle(study: Study, tmp_path: Path) -> None:
    unfinished = Study(Path(shutil.copytree(study.folder, tmp_path / "study")))
    shutil.rmtree(unfinished.member_folder("trees", "1"))
    assert study_predictions(unfinished).names == ("evident", "tiny")
    for name in ("evident", "tiny"):
        shutil.rmtree(unfinished.folder / name)
    refuse(
        "no experiment has finished", ArtifactError, lambda: make_bundle(unfinished, tmp_path / "b")
    )
    refuse("expected a study", ArtifactError, lambda: make_bundle(tmp_path / "no", tmp_path / "b"))


def test_nothing_but_a_bundle_is_replaced(study: Study, copied: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "thesis.txt").write_text("years of work", encoding="utf-8")
    refuse("is no bundle", ConfigError, lambda: make_bundle(study, notes))
    assert (notes / "thesis.txt").is_file()
    refuse("is no bundle", ConfigError, lambda: make_bundle(study, notes / "thesis.txt"))
    refuse("is no bundle", ConfigError, lambda: make_bundle(study, study.folder))
    assert study.folds_done("tiny") == ["0", "1", "sam"]

    (copied / "left over").write_text("", encoding="utf-8")
    edit(copied, format_version=99)
    make_bundle(study, copied)
    assert not (copied / "left over").exists()
    load_bundle(copied)


def test_damage_to_weights_is_found(copied: Path) -> None:
    for name in json.loads((copied / MANIFEST).read_text(encoding="utf-8"))["files"]:
        file = copied / name
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        file.write_bytes(flipped)
        refuse(f"{file.name}: is damaged.*again", ArtifactError, lambda: load_bundle(copied))
        file.unlink()
        refuse(f"{file.name}: is missing.*again", ArtifactError, lambda: load_bundle(copied))
        file.write_bytes(whole)
    load_bundle(copied)


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"format_version": 99}, r"format 99, made by egams .* make the bundle again. Or install"),
        ({"kind": "store"}, "holds a store; expected a bundle"),
        ({"families": ["gold"]}, r"predicts other families \(gold\).* install egams"),
        ({"families": None}, "'families': Field required"),
        ({"ensemble": None}, "'ensemble': Field required"),
        ({"ensemble": {"whole": {"stack": {}}}}, "'ensemble.whole.stack.names': .*again"),
        ({"members": [{"experiment": {"name": "x"}, "folds": []}]}, "does not know.*install"),
        ({"members": []}, "members are others than those its ensemble weighs"),
        ({"same_as": {"a/b": "../../secret"}}, "'../../secret' stands for another file"),
        ({"files": {"../secret": "0"}, "same_as": {}}, "names '../secret', which is not in it"),
    ],
)
def test_bundle_of_something_else_is_refused(
    copied: Path, changes: dict[str, Any], saying: str
) -> None:
    edit(copied, **changes)
    refuse(saying, ArtifactError, lambda: load_bundle(copied))


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    refuse("expected a bundle", ArtifactError, lambda: load_bundle(tmp_path))
    refuse("expected a bundle", ArtifactError, lambda: load_bundle(tmp_path / "nowhere"))
    (tmp_path / MANIFEST).write_text("{", encoding="utf-8")
    refuse("not readable as JSON", ArtifactError, lambda: load_bundle(tmp_path))


def test_whole_members_know_all_training_runs(
    bundle: Bundle, whole: Bundle, study: Study, runs: list[Run]
) -> None:
    assert all(len(member.predictors) == 1 for member in whole.members)
    assert whole.manifest["members"][0]["folds"] == [WHOLE]
    assert "evident" in whole.ensemble.names
    # Fitted on the same out-of-fold predictions: those of members trained on all runs are none.
    assert whole.manifest["ensemble"] == bundle.manifest["ensemble"]
    assert whole.manifest["scores"] == bundle.manifest["scores"]
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


def test_a_network_that_numpy_does_not_compute_goes_in_as_onnx_too(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason='needs pip install "egams[onboard]"')
    net = tiny_experiment("columns").model_copy(update={"model": small(Vit1dConfig)})
    store = prepare(labelled_runs(8, 0), jobs=1)
    study = cross_validate(store, [net], tmp_path / "study", folds=2, draws=1, jobs=1)
    made = make_bundle(study, tmp_path / "bundle")
    for fold in "01":
        files = BundleManifest.load(made).member_files(made, "columns", fold)
        assert {NETWORK, WEIGHTS} <= files.keys()
    bundle = load_bundle(made)
    assert {type(each) for each in bundle.members[0].predictors} == {AnsweringNetwork}
    assert np.isfinite(bundle.predict(labelled_runs(2, 1)).probabilities).all()
    files[NETWORK].write_bytes(files[NETWORK].read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match=r"network.onnx: is damaged"):
        load_bundle(made)
