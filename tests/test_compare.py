"""Comparison of two experiments: paired, over runs or groups, in a table and in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from egams.artifact import sealed, write_json
from egams.cli.main import app
from egams.errors import ArtifactError, ConfigError, InputError
from egams.evaluate.bootstrap import Interval, interval
from egams.evaluate.compare import (
    compare_experiments,
    comparison_table,
    verdict,
)
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES
from egams.logloss import mean_log_loss, run_losses
from egams.models.trees import LightgbmConfig
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.folds import FoldSettings
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs


def trees(name: str, count: int) -> Experiment:
    return Experiment(
        name=name, model=LightgbmConfig(trees=count, renders=1, fewest_in_leaf=1, learning_rate=0.2)
    )


@pytest.fixture(scope="module")
def store() -> RunStore:
    return prepare(labelled_runs(18, 0, sam=4), jobs=1)


@pytest.fixture(scope="module")
def study(store: RunStore, tmp_path_factory: pytest.TempPathFactory) -> Study:
    output = tmp_path_factory.mktemp("compare") / "study"
    both = [trees("few", 1), trees("more", 20)]
    return cross_validate(store, both, output, folds=3, draws=2, jobs=1)


@pytest.fixture(scope="module")
def grouped(store: RunStore, tmp_path_factory: pytest.TempPathFactory) -> Study:
    output = tmp_path_factory.mktemp("compare") / "grouped"
    return cross_validate(
        store, trees("few", 1), output, folds=FoldSettings(3, grouped=True), draws=2, jobs=1
    )


@given(st.integers(1, 80), st.integers(0, 2**32))
def test_change_is_that_of_the_mean_loss_and_turns_its_sign(runs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (runs, len(FAMILIES)))
    first, second = rng.uniform(0.01, 0.99, (2, runs, len(FAMILIES)))
    a, b = run_losses(labels, first), run_losses(labels, second)
    there = interval(b - a, np.random.default_rng(seed))
    back = interval(a - b, np.random.default_rng(seed))
    expected = mean_log_loss(labels, second) - mean_log_loss(labels, first)
    assert np.isclose(there.estimate, expected)
    assert np.allclose(
        [back.estimate, back.low, back.high], -np.array([there.estimate, there.high, there.low])
    )
    same = interval(a - a, rng)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


@given(st.integers(2, 30), st.integers(2, 9), st.integers(0, 2**32))
def test_groups_are_resampled_whole(groups: int, copies: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.exponential(size=(2, groups))
    order = rng.permutation(groups * copies)
    number = np.repeat(np.arange(groups), copies)[order]
    of_copies = interval((second - first)[number], np.random.default_rng(seed), number)
    alone = interval(second - first, np.random.default_rng(seed))
    assert np.allclose(
        [of_copies.estimate, of_copies.low, of_copies.high],
        [alone.estimate, alone.low, alone.high],
    ), "copies of a run tell nothing new"


def test_interval_covers_the_true_change_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        group = np.repeat(np.arange(60), 3)
        noise = rng.normal(0, 1, 60)[group] + rng.normal(0, 0.2, 180)
        change = interval(0.3 + noise, rng, group)
        covered += change.low <= 0.3 <= change.high
    assert 0.91 < covered / 300 < 0.98


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((-0.2, -0.1), "better"),
        ((0.1, 0.2), "worse"),
        ((-0.1, 0.1), "no difference"),
        ((0, 0), "no"),
    ],
)
def test_verdict_says_whether_the_interval_excludes_zero(
    ends: tuple[float, float], said: str
) -> None:
    words = verdict(Interval(0.0, *ends))
    assert words.startswith(said)
    assert ("excludes zero" in words) == (said in ("better", "worse"))


def test_table_of_a_study(study: Study) -> None:
    pair = compare_experiments(study, "few", "more")
    assert pair.groups is None
    table = comparison_table(pair, np.random.default_rng(0))
    assert table.column("part") == ("all runs", "commercial", "sam_testbed")
    assert table.column("runs") == (18, 14, 4)
    truth, held = study.truth(), study.out_of_fold("more", ["0", "1", "2"])
    labels = np.array([truth[run].labels for run in held.run_ids])
    loss = mean_log_loss(labels, held.probabilities.mean(0, dtype=float))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert np.isclose(row["B"], loss)
    assert np.isclose(row["change"], row["B"] - row["A"])
    assert row["low"] <= row["change"] <= row["high"]
    assert "resamples of the runs" in table.caption


def test_studies_on_other_folds_are_paired_by_run(study: Study, grouped: Study) -> None:
    pair = compare_experiments(study, "few", "few", grouped)
    back = compare_experiments(grouped, "few", "few", study)
    assert pair.groups is not None
    assert back.groups is not None
    assert np.array_equal(pair.groups, back.groups)
    assert np.array_equal(pair.first, back.second)
    held, truth = study.out_of_fold("few", ["0", "1", "2"]), study.truth()
    where = np.argsort(held.run_ids)[5]
    loss = run_losses([truth[held.run_ids[where]].labels], held.probabilities.mean(0)[[where]])
    assert np.isclose(pair.first[5], loss[0])
    table = comparison_table(pair, np.random.default_rng(0))
    assert "groups of near-duplicate runs" in table.caption
    assert str(grouped.folder) in table.caption


def test_what_cannot_be_compared_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no experiment 'none'; there are few, more"):
        compare_experiments(study, "few", "none")
    other = tmp_path / "other"
    shutil.copytree(study.folder, other)
    truth = json.loads((other / "truth.json").read_text(encoding="utf-8"))
    truth["runs"]["X003"]["labels"][0] = 1 - truth["runs"]["X003"]["labels"][0]
    write_json(other / "truth.json", sealed(truth))
    with pytest.raises(ArtifactError, match="1 runs, 'X003' among them"):
        compare_experiments(study, "few", "few", Study.open(other))
    with pytest.raises(InputError, match="losses of 2 runs, 3 groups"):
        interval(np.ones(2), np.random.default_rng(0), np.arange(3))


def test_command_prints_the_table(study: Study, grouped: Study) -> None:
    def compared(*words: object) -> str:
        asked = ["compare", *map(str, words)]
        return CliRunner().invoke(app, asked, catch_exceptions=False).stdout

    said = compared(study.folder, "few", "more")
    assert "sam_testbed" in said
    assert "the interval" in said
    assert compared(study.folder, "few", "more") == said
    both = compared(study.folder, "few", "few", "--study-b", grouped.folder)
    assert "groups of near-duplicate" in both
