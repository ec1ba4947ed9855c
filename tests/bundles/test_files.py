"""What is in a bundle, where it comes from, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_samples import DRAWS, FOLDS, LABELLED, SAM, TREES, edit, refuse
from egams.artifact import MANIFEST
from egams.ensemble.bundle import Bundle, load_bundle
from egams.ensemble.bundle_files import BundleManifest
from egams.ensemble.ensemble import ensemble_scores, fit_ensemble, nested_ensemble
from egams.errors import ArtifactError, ConfigError
from egams.families import FAMILIES
from egams.models.answering_network import AnsweringNetwork
from egams.models.onnx_network import NETWORK
from egams.models.vit import Vit1dConfig
from egams.models.weights import WEIGHTS
from egams.store.prepare import prepare
from egams.study.folds import WHOLE
from egams.study.gather import study_predictions
from egams.study.make_bundle import make_bundle
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, small, tiny_experiment


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
    predictions = study_predictions(study, with_weights=True)
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


@pytest.mark.usefixtures("whole")
def test_an_experiment_without_a_member_of_all_runs_leaves_the_others_theirs(
    study: Study, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(study.folder.parent / "whole-study", tmp_path / "study"))
    shutil.rmtree(output / TREES.name / f"fold-{WHOLE}")
    folds = {
        entry["experiment"]["name"]: entry["folds"]
        for entry in load_bundle(make_bundle(output, tmp_path / "bundle")).manifest["members"]
    }
    assert folds.pop(TREES.name) == ["0", "1"]
    assert set(map(tuple, folds.values())) == {(WHOLE,)}


def test_distances_that_new_runs_will_not_have_calibrate_nothing(
    bundle: Bundle, whole: Bundle
) -> None:
    """Only neighbours that know all runs say how far away a new one is."""
    assert whole.whole_neighbours is not None
    assert whole.ensemble.whole.calibration.by_distance is not None
    assert bundle.whole_neighbours is None
    assert bundle.ensemble.whole.calibration.by_distance is None
