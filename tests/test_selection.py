"""Choosing members and clips on out-of-fold predictions, plainly and nested."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egams.ensemble.average import draw_groups, mean_probability
from egams.ensemble.clip import (
    DEFAULT_CLIPS,
    choose_clip,
    clip_probabilities,
    nested_clip,
)
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.ensemble.selection import nested_selection, select_members, selected_mean
from egams.errors import ConfigError, InputError
from egams.evaluate.tables import selection_table, tta_table
from egams.logloss import mean_log_loss

seeds = st.integers(0, 10_000)


def oof(seed: int, members: int = 5, runs: int = 40, families: int = 3):
    """Labels, out-of-fold probabilities of unequal members, their names and the folds."""
    rng = np.random.default_rng(seed)
    y = (rng.random((runs, families)) < 0.4).astype(np.float32)
    noise = rng.standard_normal((members, runs, families)) * rng.uniform(0.5, 3, (members, 1, 1))
    p = (1 / (1 + np.exp(-(2 * y - 1 + noise)))).astype(np.float32)
    return y, p, [f"m{i}" for i in rng.permutation(members)], np.arange(runs) % 4


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_each_step_is_the_best_one_there_is(seed):
    y, p, names, _ = oof(seed)
    found = select_members(y, p, names)
    by_name = dict(zip(names, p.astype(np.float64), strict=True))
    inside: list[str] = []
    for added, score, single in zip(found.added, found.scores, found.single_scores, strict=True):
        free = sorted(set(names) - set(inside))
        tried = {
            name: mean_log_loss(y, np.mean([by_name[n] for n in (*inside, name)], axis=0))
            for name in free
        }
        assert added == min(tried, key=tried.__getitem__)
        assert score == pytest.approx(tried[added], abs=1e-12)
        assert single == pytest.approx(mean_log_loss(y, by_name[added]), abs=1e-12)
        inside.append(added)
    assert found.scores[found.size - 1] == min(found.scores)
    plain = mean_probability([by_name[name] for name in found.members])
    np.testing.assert_allclose(plain, selected_mean(p, names, found), atol=1e-12)
    assert mean_log_loss(y, plain) == pytest.approx(found.scores[found.size - 1])


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_order_of_runs_and_of_members_changes_nothing(seed):
    y, p, names, folds = oof(seed)
    rng = np.random.default_rng(seed)
    runs, members = rng.permutation(len(y)), rng.permutation(len(names))
    plain, nested = select_members(y, p, names), nested_selection(y, p, names, folds)
    shuffled = [names[i] for i in members]
    q = p[members][:, runs]
    again = select_members(y[runs], q, shuffled)
    assert (again.added, again.size) == (plain.added, plain.size)
    nested_again = nested_selection(y[runs], q, shuffled, folds[runs])
    chosen = [[selection.members for selection in n.selections] for n in (nested_again, nested)]
    assert chosen[0] == chosen[1]
    np.testing.assert_allclose(nested_again.probabilities, nested.probabilities[runs], atol=1e-12)


def test_identical_members_are_worth_one_and_ties_go_by_name():
    y, p, _, folds = oof(3)
    same = np.repeat(p[:1], 4, axis=0)
    found = select_members(y, same, ["d", "b", "a", "c"])
    assert found.size == 1 and found.members == ("a",)
    assert found.added == ("a", "b", "c", "d")
    np.testing.assert_allclose(found.scores, mean_log_loss(y, p[0]), rtol=1e-12)
    nested = nested_selection(y, same, ["d", "b", "a", "c"], folds)
    np.testing.assert_array_equal(nested.probabilities, p[0].astype(np.float64))


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(0, 3))
def test_nested_choice_never_sees_its_own_fold(seed, fold):
    y, p, names, folds = oof(seed)
    of = np.where(np.arange(len(y)) % 2, "commercial", "sam_testbed")
    other_y, other_p = y.copy(), p.copy()
    other_y[folds == fold] = 1 - y[folds == fold]
    other_p[:, folds == fold] = p[::-1, folds == fold]
    before, after = (nested_selection(*two, names, folds) for two in ((y, p), (other_y, other_p)))
    assert after.selections[fold] == before.selections[fold]
    clips = [nested_clip(a, b[0], of, folds) for a, b in ((y, p), (other_y, other_p))]
    assert clips[0].choices[fold] == clips[1].choices[fold]
    # ... and does see the others: the score of what it chose is that of the runs outside the fold.
    inside = select_members(y[folds != fold], p[:, folds != fold], names)
    assert before.selections[fold] == inside
    mine = folds == fold
    np.testing.assert_array_equal(
        before.probabilities[mine], selected_mean(p[:, mine], names, inside)
    )


def test_nested_score_is_the_honest_one():
    # Members of pure noise: choosing among them looks like a gain on the same runs, and is none.
    rng = np.random.default_rng(0)
    y = (rng.random((60, 10)) < 0.5).astype(float)
    p = rng.uniform(0.3, 0.7, (40, 60, 10))
    names = [f"m{i:02d}" for i in range(40)]
    flattering, nested = (
        select_members(y, p, names),
        nested_selection(y, p, names, np.arange(60) % 4),
    )
    assert min(flattering.scores) < np.log(2) - 0.003
    assert nested.score > np.log(2) - 0.002
    assert nested.score == pytest.approx(mean_log_loss(y, nested.probabilities))
    full = mean_log_loss(y, p.mean(axis=0))
    assert nested.size_scores[-1] == pytest.approx(full) == flattering.scores[-1]
    table = selection_table(flattering, nested)
    assert table.column("size") == tuple(range(1, 41))
    assert table.column("nested") == nested.size_scores
    assert "so the scores are optimistic" in table.caption and "held-out fold" in table.caption


def test_thirty_models_and_800_runs_take_no_time():
    y, p, names, folds = oof(1, members=30, runs=800, families=10)
    start = time.process_time()
    nested_selection(y, p, names, folds)
    assert time.process_time() - start < 3


def test_tta_groups_take_the_luck_out():
    y, p, names, folds = oof(2)
    draws = np.repeat(p[:, None], 16, axis=1)
    runs, of = np.array([""]).repeat(len(y)), np.array(["commercial"]).repeat(len(y))
    table = tta_table(OutOfFoldPredictions(tuple(names), tuple(runs), of, folds, y, draws))
    assert table.column("draws") == (1, 2, 4, 8, 16)
    for name in ("best ensemble", "full ensemble", "best single"):
        assert len({round(score, 9) for score in table.column(name)}) == 1
    assert table.rows[0][2] == pytest.approx(nested_selection(y, p, names, folds).score, abs=1e-7)


def test_means_keep_their_rows():
    rng = np.random.default_rng(0)
    p = rng.random((3, 4, 16, 7, 10)).astype(np.float32)
    np.testing.assert_allclose(mean_probability(p[:, 0, 0]), p[:, 0, 0].mean(0), rtol=1e-5)
    groups = draw_groups(p[0], 5)
    assert groups.shape == (3, 4, 7, 10)
    np.testing.assert_allclose(groups[1], p[0][:, 5:10].mean(axis=1), rtol=1e-5)
    with pytest.raises(ConfigError):
        draw_groups(p, 17)


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(0, 0.499))
def test_clip_keeps_the_range_and_the_order(seed, clip):
    p = np.random.default_rng(seed).random((20, 3))
    p[0], p[1], p[2] = 0, 1, 0.5
    scaled = clip_probabilities(p, clip)
    assert scaled.min() == pytest.approx(clip) and scaled.max() == pytest.approx(1 - clip)
    assert scaled.min() >= 0 and scaled.max() <= 1
    assert scaled[2] == pytest.approx(0.5)
    for column, before in zip(scaled.T, p.T, strict=True):
        assert all(a <= b for a, b in pairwise(column[np.argsort(before)]))
    np.testing.assert_allclose(clip_probabilities(p, np.full(20, clip)), scaled)


def test_clip_is_the_best_of_the_grid_but_not_with_few_runs():
    rng = np.random.default_rng(0)
    y = (rng.random((400, 10)) < 0.3).astype(float)
    # Certain, and wrong once in a hundred, evenly over the folds: the best c is 0.01.
    wrong = np.arange(y.size).reshape(y.shape) % 101 == 0
    p = np.where(wrong, 1 - y, y)
    of = np.array(["commercial"] * 391 + ["sam_testbed"] * 9)
    p[-9:] = y[-9:]  # nine lucky runs
    chosen = choose_clip(y, p, of)
    assert chosen["commercial"].clip == 0.01 and not chosen["commercial"].note
    sam = chosen["sam_testbed"]
    assert sam.clip == DEFAULT_CLIPS["sam_testbed"] and sam.runs == 9
    assert "only 9 sam_testbed runs" in sam.note and "default 0.01" in sam.note
    p[-9:] = 1 - y[-9:]  # nine that argue for more
    assert choose_clip(y, p, of)["sam_testbed"].clip == 0.05
    assert choose_clip(y[:391], p[:391], of[:391])["sam_testbed"].clip == 0.01
    nested = nested_clip(y, p, of, np.arange(400) % 4)
    assert {choice["commercial"].clip for choice in nested.choices} == {0.01}
    assert mean_log_loss(y[:391], nested.probabilities[:391]) < mean_log_loss(y[:391], p[:391])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda y, p, n, f: select_members(y, p, n[:-1]), InputError, "4 names"),
        (lambda y, p, n, f: select_members(y, p, ["a"] * 5), InputError, "'a'"),
        (lambda y, p, n, f: select_members(y, p, n, max_size=6), ConfigError, "max_size"),
        (lambda y, p, n, f: select_members(y, p * np.nan, n), InputError, "probability"),
        (lambda y, p, n, f: nested_selection(y, p, n, f * 0), InputError, "one fold"),
        (lambda y, p, n, f: nested_selection(y, p, n, f[1:]), InputError, "folds have shape"),
        (lambda y, p, n, f: clip_probabilities(p, 0.5), ConfigError, "clip is"),
        (lambda y, p, n, f: choose_clip(y, p[0], ["commercial"]), InputError, "1 instruments"),
        (lambda y, p, n, f: nested_clip(y, p[0], ["flight"] * 40, f), InputError, "'flight'"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(*oof(0))
