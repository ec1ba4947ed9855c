"""The report of a study: numbers worked out by hand, nothing left out without a word."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from egams.cli.main import app
from egams.ensemble.ensemble import ensemble_scores, fit_ensemble, nested_ensemble
from egams.ensemble.selection import select_members
from egams.ensemble.stacking import fit_stack
from egams.errors import ConfigError
from egams.evaluate.correlation import MEAN, correlation_tables, correlations
from egams.evaluate.study_report import PAGE, SECTIONS, write_report
from egams.evaluate.study_tables import limit_table, parts_table, study_tables
from egams.evaluate.table import Table
from egams.families import FAMILIES
from egams.study.gather import study_predictions
from egams.study.study import Study
from ensemble_samples import keep_held_out, made_up, study_of

SAMPLE = made_up(5, runs=120, skills=(1.5, 2.0, 0.5, 1.0), draws=4)
Y, MEMBERS, NAMES, OF = SAMPLE.labels, SAMPLE.mean_over_draws, SAMPLE.names, SAMPLE.instruments


def test_correlations_by_hand() -> None:
    # Deviations from the mean: a = -1, 0, 1; b = 1, -2, 1; a.b = 0; c = -2a + 5; d = a + b.
    a, b = [1.0, 2.0, 3.0], [4.0, 1.0, 4.0]
    c, d, same = [3.0, 1.0, -1.0], [5.0, 3.0, 7.0], [2.0, 2.0, 2.0]
    found = correlations([a, b, c, d, same])
    expected = [
        [1, 0, -1, 2 / np.sqrt(2 * 8)],
        [0, 1, 0, 6 / np.sqrt(6 * 8)],
        [-1, 0, 1, -2 / np.sqrt(2 * 8)],
        [2 / np.sqrt(2 * 8), 6 / np.sqrt(6 * 8), -2 / np.sqrt(2 * 8), 1],
    ]
    np.testing.assert_allclose(found[:4, :4], expected, atol=1e-12)
    assert np.isnan(found[4]).all(), "who always says the same is like nobody"


def test_correlation_tables_are_of_log_odds_and_of_errors() -> None:
    odds = np.array([[-1.0, 0.0, 1.0], [1.0, -2.0, 1.0], [-2.0, 0.0, 2.0]])
    p = (1 / (1 + np.exp(-odds)))[:, :, None]
    table, _ = correlation_tables(np.zeros((3, 1)), p, ("a", "b", "c"))
    assert table.columns == ("log odds of", "a", "b", "c", MEAN)
    expected = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    np.testing.assert_allclose([row[1:4] for row in table.rows], expected, atol=1e-12)
    np.testing.assert_allclose(table.column(MEAN), [0.5, 0, 0.5], atol=1e-12)
    # Errors of a: 0.2, -0.2, 0; of b: 0.3, -0.3, 0; of c: 0.1, 0.1, -0.2.
    y = np.array([[1.0], [0.0], [0.0]])
    p = np.array([[0.8, 0.2, 0.0], [0.7, 0.3, 0.0], [0.9, -0.1, 0.2]])[:, :, None]
    _, table = correlation_tables(y, p, ("a", "b", "c"))
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose([row[1:4] for row in table.rows], expected, atol=1e-12)
    _, table = correlation_tables(y, p[:1], ("a",))
    assert table.rows == (("a", pytest.approx(1), None),)


def test_parts_by_hand() -> None:
    y = np.zeros((4, len(FAMILIES)))
    y[0, 0] = 1
    p = np.full(y.shape, 0.5)
    p[:2, 0] = 0.75
    of = np.array(["commercial", "commercial", "sam_testbed", "sam_testbed"])
    (row,) = parts_table(y, {"x": p}, of).rows
    half, right, wrong = np.log(2), -np.log(0.75), -np.log(0.25)
    first = (right + wrong + 2 * half) / 4
    commercial = (right + wrong + 18 * half) / 20
    assert row[0] == "x"
    np.testing.assert_allclose(row[1:4], [(first + 9 * half) / 10, commercial, half])
    np.testing.assert_allclose(row[4:], [first] + [half] * 9)


def test_an_ensemble_of_at_most_so_many_stacks_the_first_of_forward_selection() -> None:
    added = select_members(Y, MEMBERS, NAMES).added
    for limit in (1, 2, 3):
        fitted = fit_ensemble(Y, MEMBERS, NAMES, OF, at_most=limit)
        chosen = [place for place, name in enumerate(NAMES) if name in added[:limit]]
        alone = fit_stack(Y, MEMBERS[chosen], tuple(NAMES[place] for place in chosen))
        np.testing.assert_array_equal(fitted.whole.stack.weights[chosen], alone.weights)
        assert np.count_nonzero(fitted.whole.stack.weights) <= limit
    without = fit_ensemble(Y, MEMBERS, NAMES, OF)
    enough = fit_ensemble(Y, MEMBERS, NAMES, OF, at_most=len(NAMES))
    np.testing.assert_array_equal(enough.whole.stack.weights, without.whole.stack.weights)
    with pytest.raises(ConfigError, match="max_size is 0"):
        fit_ensemble(Y, MEMBERS, NAMES, OF, at_most=0)


def test_labels_of_a_fold_decide_nothing_about_its_ensemble_of_few() -> None:
    held = SAMPLE.folds == 1
    turned = replace(SAMPLE, labels=np.where(held[:, None], 1 - Y, Y))
    assert select_members(turned.labels, MEMBERS, NAMES).added != (
        select_members(Y, MEMBERS, NAMES).added
    ), "the labels turned over would change the choice"
    here, there = nested_ensemble(SAMPLE, at_most=2), nested_ensemble(turned, at_most=2)
    np.testing.assert_array_equal(there.probabilities[held], here.probabilities[held])


def test_limits_are_those_asked_for_and_all() -> None:
    table = limit_table(SAMPLE, 3)
    assert table.column("at most") == (1, 2, 3, 4)
    expected = [ensemble_scores(SAMPLE, at_most=limit)["nested"] for limit in (1, 2, 3, 4)]
    assert list(table.column("nested")) == expected
    assert table.rows[-1][1] == ensemble_scores(SAMPLE)["nested"]
    assert table.rows[0][4] == "member1", "the most skilled"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(SAMPLE, tmp_path_factory.mktemp("report") / "study")


@pytest.fixture(scope="module")
def tables(study: Study) -> dict[str, Table]:
    return study_tables(study, np.random.default_rng(0), at_most=2)


def test_the_page_holds_every_table_in_order(
    study: Study, tables: dict[str, Table], tmp_path: Path
) -> None:
    assert set(tables) == set(SECTIONS) - {"sam-fold"}
    page, *others = write_report(study, tables, tmp_path)
    assert page == tmp_path / PAGE
    assert {path.name for path in others} == {
        f"{name}.{end}" for name in tables for end in ("md", "parquet")
    }
    text = page.read_text(encoding="utf-8")
    places = [text.index(table.markdown().rstrip()) for _, table in in_order(tables)]
    assert places == sorted(places)
    for name, table in tables.items():
        title, shows = SECTIONS[name]
        assert f"## {title}\n\n*{shows}*\n" in text
        back = parquet.read_table(tmp_path / f"{name}.parquet")
        assert [tuple(row.values()) for row in back.to_pylist()] == list(table.rows)


def test_intervals_of_a_grouped_study_resample_groups(tmp_path: Path) -> None:
    groups = np.arange(len(Y)) // 4
    shared = replace(SAMPLE, folds=groups % 4, probabilities=SAMPLE.probabilities[:, :, 4 * groups])
    shared = replace(shared, labels=Y[4 * groups], instruments=OF[4 * groups])
    widths = {}
    for name, of_run in (("plain", None), ("grouped", groups)):
        study = study_of(shared, tmp_path / name, of_run)
        sam = np.flatnonzero(shared.instruments == "sam_testbed")
        for number, member in enumerate(NAMES):
            keep_held_out(study, member, "sam", shared, number, sam)
        made = study_tables(study, np.random.default_rng(0))
        for table in ("scores", "experiments", "sam-fold"):
            said = "groups of near-duplicate runs" if of_run is not None else "runs"
            assert f"Intervals: 95 % of resamples of the {said}." in made[table].caption
            _, _, low, high, *_ = made[table].rows[0]
            widths[name, table] = high - low
    for table in ("scores", "experiments", "sam-fold"):
        # Four copies of a run are no four witnesses: the interval is as wide as a quarter's.
        ratio = widths["grouped", table] / widths["plain", table]
        assert ratio == pytest.approx(2, rel=0.2), table


def in_order(tables: dict[str, Table]) -> list[tuple[str, Table]]:
    return [(name, tables[name]) for name in SECTIONS if name in tables]


def test_the_ensemble_of_the_report_is_the_one_asked_for(tables: dict[str, Table]) -> None:
    score = ensemble_scores(SAMPLE, at_most=2)["nested"]
    assert tables["scores"].rows[0][1] == pytest.approx(score)
    assert tables["parts"].rows[0][:2] == ("ensemble of at most 2", pytest.approx(score))
    assert [row[0] for row in tables["parts"].rows[1:]] == list(NAMES)
    assert sum(weight != 0 for weight in tables["weights"].column("weight")) == 2
    assert tables["left-out"].rows == ()
    assert "No experiment" in tables["left-out"].caption


def test_unfinished_experiments_are_listed_with_the_reason(study: Study, tmp_path: Path) -> None:
    unfinished = Study(Path(shutil.copytree(study.folder, tmp_path / "study")))
    for fold in ("1", "3"):
        shutil.rmtree(unfinished.member_folder("member0", fold))
    shutil.rmtree(unfinished.folder / "member2")
    checkpoint = unfinished.checkpoint("member2", "0")
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"")
    assert study_predictions(unfinished).names == ("member1", "member3")
    asked = ["study", "report", str(unfinished.folder), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0
    assert "left out: member0: folds 1, 3 not finished" in done.stdout
    listed = parquet.read_table(tmp_path / "out" / "left-out.parquet").to_pylist()
    assert listed == [
        {"experiment": "member0", "why": "folds 1, 3 not finished"},
        {"experiment": "member2", "why": "folds 0, 1, 2, 3 not finished"},
    ]
    assert "member2" in (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
