"""Groups of near-duplicate runs: complete, the same in any order, and kept whole by folds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.models.trees import LightgbmConfig
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.folds import Folds, FoldSettings
from egams.study.near_duplicates import NEAR, near_duplicate_groups, run_distances
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, resident

TREES = Experiment(name="trees", model=LightgbmConfig(trees=4, renders=1, fewest_in_leaf=1))
SETTINGS = {"folds": 3, "draws": 1, "jobs": 1}
GROUPED = SETTINGS | {"folds": FoldSettings(3, grouped=True)}


def drawn_descriptors(runs: int, seed: int) -> list[np.ndarray]:
    """Runs about a few samples, tight to loose, in four descriptors of unlike size and unit."""
    rng = np.random.default_rng(seed)
    sample = rng.integers(0, max(2, runs // 3), runs)
    spread = rng.uniform(0.01, 1)
    return [
        (
            scale
            * (rng.normal(size=(runs, width))[sample] + spread * rng.normal(size=(runs, width)))
        ).astype(np.float32)
        for scale, width in ((1, 30), (20, 10), (0.1, 40), (5, 3))
    ]


def partition(groups: NDArray[np.intp]) -> NDArray[np.bool_]:
    return groups[:, None] == groups


@given(st.integers(2, 60), st.integers(0, 2**32), st.floats(0.05, 1.2))
def test_no_near_pair_is_apart_and_no_group_is_needless(runs: int, seed: int, near: float) -> None:
    descriptors = drawn_descriptors(runs, seed)
    apart, groups = run_distances(descriptors), near_duplicate_groups(descriptors, near)
    together = partition(groups)
    assert together[apart < near].all()
    for number in range(groups.max() + 1):
        inside = groups == number
        reached = np.zeros(runs, bool)
        reached[inside.argmax()] = True
        while (more := inside & (apart[reached] < near).any(0)).sum() > reached.sum():
            reached = more
        assert np.array_equal(reached, inside), "not joined by a chain of near pairs"
    assert list(dict.fromkeys(groups.tolist())) == list(range(groups.max() + 1))


@given(st.integers(2, 60), st.integers(0, 2**32))
def test_order_and_units_of_a_descriptor_do_not_matter(runs: int, seed: int) -> None:
    descriptors, order = (
        drawn_descriptors(runs, seed),
        np.random.default_rng(seed).permutation(runs),
    )
    groups = near_duplicate_groups(descriptors)
    permuted = near_duplicate_groups([descriptor[order] for descriptor in descriptors])
    assert np.array_equal(partition(groups)[np.ix_(order, order)], partition(permuted))
    np.testing.assert_allclose(
        run_distances([descriptors[0] * 1024, *descriptors[1:]]), run_distances(descriptors)
    )


@given(st.integers(2, 60), st.integers(0, 2**32))
def test_distance_is_one_on_average(runs: int, seed: int) -> None:
    apart = run_distances(drawn_descriptors(runs, seed))
    assert np.isclose(apart.sum() / (runs * (runs - 1)), 1)
    assert np.array_equal(apart, apart.T)
    assert not apart.diagonal().any()


def test_a_view_in_which_all_are_alike_tells_nothing() -> None:
    descriptors = drawn_descriptors(20, 3)
    alike = np.ones((20, 4), np.float32)
    np.testing.assert_allclose(
        run_distances([*descriptors[:3], alike]) * 4, run_distances(descriptors[:3]) * 3
    )


def test_a_repeat_is_found_and_other_runs_are_not() -> None:
    runs = resident()
    twice = np.append(np.arange(len(runs)), 3)
    groups = near_duplicate_groups(run_descriptors(runs, twice))
    assert groups[-1] == groups[3]
    assert groups.max() + 1 > len(runs) / 2


def test_one_run_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="1 runs to compare; expected at least two"):
        near_duplicate_groups([np.zeros((1, 3), np.float32)] * 4)


@pytest.fixture(scope="module")
def repeats() -> RunStore:
    """12 samples, each measured twice."""
    runs = labelled_runs(12, 0, sam=2)
    again = [replace(run, run_id=f"{run.run_id}-again") for run in runs]
    return prepare([*runs, *again], jobs=1)


def test_cross_validation_keeps_repeats_together(repeats: RunStore, tmp_path: Path) -> None:
    study = cross_validate(repeats, TREES, tmp_path / "g", **GROUPED)
    assert study.manifest.grouped_below == NEAR
    folds = Folds.load(study.folds_path, tuple(repeats.ids))
    descriptors = run_descriptors(ResidentRuns.load(repeats), np.arange(len(repeats.ids)))
    assert folds.group is not None
    assert np.array_equal(folds.group, near_duplicate_groups(descriptors))
    fold = dict(zip(folds.run_ids, folds.fold.tolist(), strict=True))
    assert all(fold[run] == fold[f"{run}-again"] for run in fold if f"{run}-again" in fold)
    cross_validate(repeats, TREES, study.folder, **GROUPED)
    with pytest.raises(ArtifactError, match="requested was grouped_below = null"):
        cross_validate(repeats, TREES, study.folder, **SETTINGS)


def test_a_study_without_groups_takes_none(repeats: RunStore, tmp_path: Path) -> None:
    study = cross_validate(repeats, TREES, tmp_path / "plain", **SETTINGS)
    assert study.manifest.grouped_below is None
    assert Folds.load(study.folds_path, tuple(repeats.ids)).group is None
    with pytest.raises(ArtifactError, match=r"requested was grouped_below = 0\.25"):
        cross_validate(repeats, TREES, study.folder, **GROUPED)
