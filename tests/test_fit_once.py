"""A fit of the neighbours is shared by all trainings on the same runs, and never a wrong one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egams.artifact import MANIFEST
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.study.epochs import EPOCHS
from egams.training import fit_once as module
from egams.training.compute import Compute
from egams.training.cross_validation import cross_validate
from egams.training.fit_once import fit_once
from egams.training.neighbours import fit_neighbours
from training_samples import resident, store, tiny_experiment

POSITIONS = np.arange(20)
CONFIG = NeighboursConfig(steps=2)
Fit = tuple[Neighbours, np.ndarray]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Positions of each fit that was made, in few steps whatever was requested."""
    made = []

    def counted(config: Any, runs: Any, positions: np.ndarray, **given: Any) -> Fit:
        made.append(positions)
        brief = config.model_copy(update={"steps": min(config.steps, 3)})
        return fit_neighbours(brief, runs, positions, **given)

    monkeypatch.setattr(module, "fit_neighbours", counted)
    return made


def same(first: Fit, second: Fit) -> bool:
    states = first[0].state, second[0].state
    assert states[0].keys() == states[1].keys()
    alike = all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    return alike and np.array_equal(first[1], second[1])


def test_who_comes_second_reads_the_same_numbers(fits: list[Any], tmp_path: Path) -> None:
    kept = tmp_path / "study" / "fold-0.neighbours"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fit_once(CONFIG, resident(), POSITIONS, kept), range(4)))
    assert len(fits) == 1
    assert all(same(found[0], each) for each in found)
    assert same(found[0], fit_once(CONFIG, resident(), POSITIONS, None))
    assert len(fits) == 2


def test_another_fit_is_made_anew(fits: list[Any], tmp_path: Path) -> None:
    kept = tmp_path / "fold-0.neighbours"
    fit_once(CONFIG, resident(), POSITIONS, kept)
    others = fit_once(CONFIG, resident(), POSITIONS + 1, kept)
    assert len(fits) == 2
    assert same(others, fit_neighbours(CONFIG, resident(), POSITIONS + 1))
    fit_once(NeighboursConfig(steps=3), resident(), POSITIONS + 1, kept)
    relabelled = replace(resident(), labels=1 - resident().labels)
    fit_once(NeighboursConfig(steps=3), relabelled, POSITIONS + 1, kept)
    assert len(fits) == 4


def test_a_damaged_or_unfinished_one_is_made_anew(fits: list[Any], tmp_path: Path) -> None:
    kept = tmp_path / "fold-0.neighbours"
    first = fit_once(CONFIG, resident(), POSITIONS, kept)
    names = sorted(path.name for path in kept.iterdir())
    assert names == ["evidence.safetensors", MANIFEST, "neighbours.safetensors"]
    for name in names:
        whole = (kept / name).read_bytes()
        for damaged in (whole[:-9], whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:], None):
            if damaged is None:
                (kept / name).unlink()
            else:
                (kept / name).write_bytes(damaged)
            before = len(fits)
            assert same(first, fit_once(CONFIG, resident(), POSITIONS, kept))
            assert len(fits) == before + 1, f"{name} is taken for whole"


def test_where_nothing_can_be_kept_the_training_goes_on(
    fits: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    fit_once(CONFIG, resident(), POSITIONS, tmp_path / "fold-0.neighbours")
    assert len(fits) == 1


@pytest.mark.parametrize("storage", [None, "memory://fit-once"])
def test_experiments_of_a_study_share_one_fit_a_fold(
    fits: list[Any], tmp_path: Path, storage: str | None
) -> None:
    first, second = (
        tiny_experiment(name, epochs=1).model_copy(update={"evidence": True})
        for name in ("first", "second")
    )
    experiments = ["neighbours", first, second]
    compute = Compute("local", storage=storage)
    size = {"folds": 2, "draws": 2}
    study = cross_validate(store(), experiments, tmp_path / "a", compute=compute, **size)
    assert len(fits) == 2
    alone = cross_validate(store(), second, tmp_path / "b", jobs=1, **size)
    for fold in ("0", "1"):
        expected, found = (each.record("second", fold).files for each in (alone, study))
        differ = {name for name in expected if found[name] != expected[name]}
        assert differ <= {EPOCHS}, "the first to come makes others"
        shared = study.record("neighbours", fold).files["neighbours.safetensors"]
        assert shared == expected["neighbours.safetensors"]
