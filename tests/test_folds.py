"""Folds: every run held out once, families and instruments spread evenly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.training.folds import MOST_COMPARED, Folds, make_folds


def drawn_folds(runs: int, count: int, seed: int) -> tuple[Folds, np.ndarray, np.ndarray]:
    """Folds of runs with random labels, from rare to frequent, and a random share of SAM runs."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0, 0.6, len(FAMILIES))
    labels = (rng.uniform(size=(runs, len(FAMILIES))) < frequency).astype(np.float32)
    sam = rng.uniform(size=runs) < rng.uniform(0, 0.5)
    instruments = np.where(sam, "sam_testbed", "commercial")
    run_ids = tuple(f"run{number}" for number in range(runs))
    return make_folds(run_ids, labels, instruments, count, rng), labels, instruments


def counts(folds: Folds, marks: np.ndarray) -> np.ndarray:
    """Marks of any kind in each fold ``[fold, ...]``."""
    return np.stack([marks[folds.fold == number].sum(0) for number in range(folds.count)])


@given(st.integers(12, 120), st.integers(2, 5), st.integers(0, 2**32))
def test_everything_is_spread_evenly(runs: int, count: int, seed: int) -> None:
    folds, labels, instruments = drawn_folds(runs, count, seed)
    assert folds.fold.shape == (runs,), "each run is in one fold"
    assert set(folds.fold.tolist()) == set(range(count))
    families = counts(folds, labels)
    assert np.abs(families - labels.sum(0) / count).max() < 2
    assert np.ptp(counts(folds, np.ones(runs))) <= 1
    assert np.ptp(counts(folds, instruments == "sam_testbed")) <= 1
    assert np.ptp(counts(folds, instruments == "commercial")) <= 1


def test_families_of_a_large_set_are_nearly_even() -> None:
    folds, labels, _ = drawn_folds(MOST_COMPARED + 200, 4, 5)
    assert np.abs(counts(folds, labels) - labels.sum(0) / 4).max() < 1.5


def test_runs_without_any_family_are_spread_too() -> None:
    labels = np.zeros((40, len(FAMILIES)), np.float32)
    labels[:20, 0] = 1
    instruments = np.array(["commercial"] * 40)
    folds = make_folds(tuple(map(str, range(40))), labels, instruments, 4, np.random.default_rng(0))
    assert counts(folds, labels[:, 0]).tolist() == [5, 5, 5, 5]


def test_seed_decides() -> None:
    first, again, other = (drawn_folds(60, 4, seed)[0].fold for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_file_round_trip_in_any_order(tmp_path: Path) -> None:
    folds, _, _ = drawn_folds(30, 3, 0)
    folds.save(tmp_path / "folds.json")
    loaded = Folds.load(tmp_path / "folds.json", folds.run_ids)
    assert np.array_equal(loaded.fold, folds.fold)
    assert loaded.count == 3
    backwards = Folds.load(tmp_path / "folds.json", folds.run_ids[::-1])
    assert np.array_equal(backwards.fold, folds.fold[::-1])


def test_file_of_another_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    folds, _, _ = drawn_folds(30, 3, 0)
    folds.save(path)
    with pytest.raises(ArtifactError, match=r"no fold for run 'new'.*make them anew"):
        Folds.load(path, (*folds.run_ids, "new"))
    with pytest.raises(ArtifactError, match="a fold for unknown run 'run29'"):
        Folds.load(path, folds.run_ids[:-1])


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"fold": 3}', '{"kind": "folds", "format_version": 1, "fold": []}']
)
def test_file_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match="not a folds file"):
        Folds.load(path, ("a",))


def test_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    folds, _, _ = drawn_folds(12, 2, 0)
    folds.save(path)
    newer = json.loads(path.read_text(encoding="utf-8")) | {"format_version": 99}
    path.write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(ArtifactError, match="format 99"):
        Folds.load(path, folds.run_ids)
