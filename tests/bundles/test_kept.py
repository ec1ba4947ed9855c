"""Experiments that are known by their predictions alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bundle_samples import LABELLED, SAM, TREES, refuse
from command_line import egams
from egams.artifact import MANIFEST, sealed
from egams.ensemble.bundle import load_bundle
from egams.errors import ArtifactError
from egams.evaluate.study_tables import study_tables
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study import kept as kept_module
from egams.study.gather import study_predictions
from egams.study.kept import KEPT, add_kept, keep_predictions, read_kept
from egams.study.make_bundle import make_bundle
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs

EXPERIMENTS = ("evident", "tiny", "trees")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    output = tmp_path_factory.mktemp("kept") / "runs.store"
    return prepare(labelled_runs(LABELLED, 0, sam=SAM), output, jobs=1)


@pytest.fixture(scope="module")
def kept(study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kept")
    return {name: keep_predictions(study, name, folder) for name in EXPERIMENTS}


def test_a_study_of_kept_predictions_scores_as_the_one_that_was_trained(
    study: Study, kept: dict[str, Path], store: RunStore, tmp_path: Path
) -> None:
    for path in kept.values():
        again = add_kept(path, tmp_path / "study", store)
    for sam_fold in (False, True):
        there, here = (study_predictions(each, sam_fold=sam_fold) for each in (study, again))
        assert (here.names, here.run_ids) == (there.names, there.run_ids)
        np.testing.assert_array_equal(here.folds, there.folds)
        np.testing.assert_array_equal(here.labels, there.labels)
        np.testing.assert_allclose(here.probabilities, there.probabilities, atol=0.004)
        np.testing.assert_allclose(here.distance, there.distance)
    tables = study_tables(again, np.random.default_rng(0))
    assert {row[0] for row in tables["experiments"].rows} == set(EXPERIMENTS)
    assert add_kept(kept["tiny"], again.folder, store).folds_done("tiny") == ["0", "1", "sam"]


def test_a_bundle_has_none_of_them(kept: dict[str, Path], store: RunStore, tmp_path: Path) -> None:
    mixed = add_kept(kept["tiny"], tmp_path / "study", store)
    refuse(
        "by their predictions alone", ArtifactError, lambda: make_bundle(mixed, tmp_path / "bundle")
    )
    refuse("predictions alone", ArtifactError, lambda: mixed.member_files("tiny", "0"))
    cross_validate(store, [TREES], mixed.folder, folds=2, draws=2, jobs=1)
    assert study_predictions(mixed).names == ("tiny", "trees")
    said = egams("bundle", mixed.folder, "-o", tmp_path / "bundle").stdout
    assert "left out: tiny: known by its predictions alone" in said
    assert load_bundle(tmp_path / "bundle").ensemble.names == ("trees",)


def test_what_does_not_belong_is_refused(
    study: Study, kept: dict[str, Path], store: RunStore, tmp_path: Path
) -> None:
    others = prepare(labelled_runs(LABELLED, 9), tmp_path / "others.store", jobs=1)
    path = kept["trees"]
    refuse("other runs", ArtifactError, lambda: add_kept(path, tmp_path / "study", others))
    assert not (tmp_path / "study" / MANIFEST).exists()
    cross_validate(store, [TREES], tmp_path / "three", folds=3, draws=2, jobs=1)
    refuse("other folds", ArtifactError, lambda: add_kept(path, tmp_path / "three", store))
    cross_validate(store, [TREES], tmp_path / "draws", folds=2, draws=1, jobs=1)
    refuse("test-time draws", ArtifactError, lambda: add_kept(path, tmp_path / "draws", store))
    trained = Path(shutil.copytree(study.folder, tmp_path / "trained"))
    refuse("is trained", ArtifactError, lambda: add_kept(path, trained, store))


@pytest.mark.parametrize("forged", ["fold", "run", "number", "draws", "experiments"])
def test_a_forged_file_is_refused(forged: str, kept: dict[str, Path], tmp_path: Path) -> None:
    table = pq.read_table(kept["trees"])
    content = json.loads(pq.read_metadata(kept["trees"]).metadata[KEPT])
    if forged == "fold":  # a folder of the member, if it were believed
        content["members"][0]["fold"] = "../../elsewhere"
    elif forged == "draws":
        content["study"]["draws"] = 3
    elif forged == "experiments":
        content["members"][0]["experiment"]["name"] = "other"
    else:
        name, value = ("sample_id", "nobody") if forged == "run" else ("sulfate", np.float16("inf"))
        column = table[name].to_pylist()
        column[0] = value
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(column, table.schema.field(name).type))
    content["rows"] = kept_module._digest(table)
    described = {KEPT: json.dumps(sealed(content))}
    pq.write_table(table.replace_schema_metadata(described), tmp_path / "forged.parquet")
    with pytest.raises(ArtifactError, match="forged"):
        read_kept(tmp_path / "forged.parquet")


def test_from_the_command_line(study: Study, store: RunStore, tmp_path: Path) -> None:
    said = egams("study", "keep", study.folder, "-o", tmp_path / "kept").stdout
    assert "trees.parquet: folds 0, 1, sam" in said
    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == len(EXPERIMENTS)
    egams("study", "add", tmp_path / "again", *files, "--runs", store.path)
    said = egams("study", "oof", tmp_path / "again", "-o", tmp_path / "oof.csv").stdout
    assert f"{len(EXPERIMENTS)} experiments" in said
