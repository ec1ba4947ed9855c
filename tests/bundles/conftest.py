"""Bundles of one study, shared by the tests beside."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bundle_samples import FOLDS, trained
from egams.ensemble.bundle import Bundle, load_bundle
from egams.ensemble.predictions import Predictions
from egams.run import Run
from egams.study.folds import FoldSettings
from egams.study.make_bundle import make_bundle
from egams.study.study import Study
from training_samples import labelled_runs


@pytest.fixture(scope="package")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return trained(
        tmp_path_factory.mktemp("bundles") / "study", folds=FoldSettings(FOLDS, sam_fold=True)
    )


@pytest.fixture(scope="package")
def bundle(study: Study) -> Bundle:
    return load_bundle(make_bundle(study, study.folder.parent / "bundle"))


@pytest.fixture(scope="package")
def whole(study: Study) -> Bundle:
    """Of the same study, after members were trained on all runs too."""
    output = study.folder.parent / "whole-study"
    shutil.copytree(study.folder, output)
    more = trained(output, folds=FoldSettings(FOLDS, whole=True))
    return load_bundle(make_bundle(more, output.parent / "whole-bundle"))


@pytest.fixture(scope="package")
def runs() -> list[Run]:
    """Runs of both instruments that the study has not seen, without labels."""
    return [replace(run, labels=None) for run in labelled_runs(5, 77, sam=2)]


@pytest.fixture(scope="package")
def predicted(bundle: Bundle, runs: list[Run]) -> Predictions:
    return bundle.predict(runs)


@pytest.fixture
def copied(study: Study, bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(study.folder.parent / "bundle", tmp_path / "copy"))
