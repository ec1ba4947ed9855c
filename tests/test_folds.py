"""Folds: every run held out once, families and instruments spread evenly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egams.artifact import sealed
from egams.errors import ArtifactError, ConfigError
from egams.families import FAMILIES
from egams.study.folds import MOST_COMPARED, Folds, make_folds


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
    "content", ["", "[]", "{}", '{"fold": 3}', '{"kind": "folds", "format_version": 2, "fold": []}']
)
def test_file_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"folds.json: .*Make the folds anew"):
        Folds.load(path, ("a",))


def test_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    folds, _, _ = drawn_folds(12, 2, 0)
    folds.save(path)
    newer = json.loads(path.read_text(encoding="utf-8")) | {"format_version": 99}
    path.write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(ArtifactError, match="format 99"):
        Folds.load(path, folds.run_ids)


def drawn_grouped_folds(
    runs: int, count: int, seed: int
) -> tuple[Folds, np.ndarray, np.ndarray, np.ndarray]:
    """Folds of runs in groups, from all alone to some of a tenth of the runs."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, runs * rng.uniform(0.4, 2), runs)
    large = rng.random(runs) < 0.1
    groups[large] = -1
    frequency = rng.uniform(0, 0.6, len(FAMILIES))
    # Runs of one group mostly have the same labels and instrument: take those of its number.
    draw = rng.uniform(size=(2 * runs + 1, len(FAMILIES) + 1))[groups]
    labels = (draw[:, :-1] < frequency).astype(np.float32)
    instruments = np.where(draw[:, -1] < 0.2, "sam_testbed", "commercial")
    run_ids = tuple(f"run{number}" for number in rng.permutation(runs))
    folds = make_folds(run_ids, labels, instruments, count, rng, groups)
    return folds, labels, instruments, groups


@given(st.integers(30, 150), st.integers(2, 5), st.integers(0, 2**32))
def test_groups_are_dealt_whole_and_evenly(runs: int, count: int, seed: int) -> None:
    folds, labels, instruments, groups = drawn_grouped_folds(runs, count, seed)
    assert folds.group is not None
    assert np.array_equal(folds.group, groups)
    for group in np.unique(groups):
        assert len(set(folds.fold[groups == group])) == 1, "a group straddles two folds"
    largest = np.unique(groups, return_counts=True)[1].max()
    assert np.ptp(counts(folds, np.ones(runs))) <= largest
    families = counts(folds, labels)
    assert np.abs(families - labels.sum(0) / count).max() <= largest + 1
    sam = counts(folds, instruments == "sam_testbed")
    assert np.ptp(sam) <= largest + 1


@given(st.integers(12, 80), st.integers(0, 2**32))
def test_grouped_folds_depend_on_ids_and_seed_not_on_order(runs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((runs, len(FAMILIES))) < 0.3).astype(np.float32)
    instruments = np.where(rng.random(runs) < 0.1, "sam_testbed", "commercial")
    groups = rng.integers(0, runs, runs)
    run_ids = np.array([f"run{number}" for number in range(runs)])

    def made(order: np.ndarray, numbers: np.ndarray) -> dict[str, int]:
        folds = make_folds(
            tuple(run_ids[order].tolist()),
            labels[order],
            instruments[order],
            3,
            np.random.default_rng(seed),
            numbers[order],
        )
        return dict(zip(folds.run_ids, folds.fold.tolist(), strict=True))

    renumbered = rng.permutation(runs)[groups]
    assert made(np.arange(runs), groups) == made(rng.permutation(runs), renumbered)


def test_groups_of_one_run_leave_folds_as_even_as_without() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((200, len(FAMILIES))) < 0.3).astype(np.float32)
    instruments = np.where(np.arange(200) < 8, "sam_testbed", "commercial")
    ids = tuple(map(str, range(200)))
    folds = make_folds(ids, labels, instruments, 4, rng, np.arange(200))
    assert np.abs(counts(folds, labels) - labels.sum(0) / 4).max() < 2
    assert counts(folds, instruments == "sam_testbed").tolist() == [2, 2, 2, 2]
    assert np.ptp(counts(folds, np.ones(200))) <= 1


def test_fewer_groups_than_folds_are_refused() -> None:
    groups = np.arange(12) % 3
    labels = np.zeros((12, len(FAMILIES)), np.float32)
    with pytest.raises(ConfigError, match="3 groups of runs for 4 folds"):
        make_folds(
            tuple(map(str, range(12))),
            labels,
            np.array(["commercial"] * 12),
            4,
            np.random.default_rng(0),
            groups,
        )


def test_folds_without_groups_stay_what_they_were() -> None:
    folds, _, _ = drawn_folds(24, 3, 1)
    assert folds.group is None
    assert "".join(map(str, folds.fold)) == "101202120100122110222100"


def test_groups_are_kept_in_the_file(tmp_path: Path) -> None:
    folds, _, _, groups = drawn_grouped_folds(30, 3, 0)
    path = tmp_path / "folds.json"
    folds.save(path)
    loaded = Folds.load(path, folds.run_ids[::-1])
    assert np.array_equal(loaded.group, groups[::-1])
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["group"]["run7"]
    path.write_text(json.dumps(sealed(content)), encoding="utf-8")
    with pytest.raises(ArtifactError, match="groups are of other runs"):
        Folds.load(path, folds.run_ids)
