"""Neighbours: closed forms of the Gaussian process against the same thing done the long way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from egams.errors import ArtifactError
from egams.models.kernel import Places, distances
from egams.models.neighbours import EVIDENCE_FEATURES, Neighbours, NeighboursConfig
from egams.models.process import Process, evidence
from egams.spectrogram.descriptors import DESCRIPTORS, run_descriptors
from egams.training.neighbours import (
    Limits,
    fit_described,
    fit_neighbours,
    representative,
)
from training_samples import resident

POSITIONS = np.arange(24)
UNSEEN = np.arange(24, 36)
BRIEF = NeighboursConfig(steps=15)
FEW, MANY, LOCAL = (
    Limits(),
    Limits(kernel=12, inverse=0, nearest=24),
    Limits(kernel=12, inverse=0, whole=0, nearest=24),
)
"""Exact; one Cholesky, and the variance from the nearest; the nearest alone. All know 24 runs."""
Fit = tuple[Process, np.ndarray]


def described(positions: np.ndarray) -> list[np.ndarray]:
    return run_descriptors(resident(), positions)


def labels_of(positions: np.ndarray) -> np.ndarray:
    return np.asarray(resident().labels)[positions]


def fit(limits: Limits, positions: np.ndarray = POSITIONS) -> Fit:
    found, of_training = fit_described(BRIEF, described(positions), labels_of(positions), limits)
    return found.whole, of_training


@pytest.fixture(scope="module", params=[FEW, MANY, LOCAL], ids=["few", "many", "local"])
def fitted(request: pytest.FixtureRequest) -> Fit:
    return fit(request.param)


def known(neighbours: Process) -> list[np.ndarray]:
    return [neighbours.state[f"descriptor_{name}"].astype(float) for name in DESCRIPTORS]


def seen(neighbours: Process, descriptors: list[np.ndarray]) -> list[np.ndarray]:
    """As the training runs are kept: projected, where they are."""
    state = neighbours.state
    return [
        (each - state[f"centre_{name}"].astype(float)) @ state[f"directions_{name}"].astype(float)
        if f"centre_{name}" in state
        else each.astype(float)
        for name, each in zip(DESCRIPTORS, descriptors, strict=True)
    ]


def apart(neighbours: Process, runs: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    weights = np.log1p(np.exp(neighbours.kernel.weight)) / neighbours.state["scale"]
    of_each = [np.linalg.norm(a[:, None] - b, axis=2) for a, b in zip(runs, others, strict=True)]
    return np.einsum("v,vab->ab", weights, np.stack(of_each))


def regression(
    neighbours: Process, target: np.ndarray, given: list[np.ndarray], asked: list[np.ndarray]
) -> np.ndarray:
    """Equations 2.25 and 2.26 of Rasmussen & Williams, solved and not inverted."""
    kernel, noise = neighbours.kernel, np.exp(neighbours.kernel.noise)
    inner = np.exp(-apart(neighbours, given, given)) + noise * np.eye(len(target))
    shared = np.exp(-apart(neighbours, asked, given))
    mean = shared @ np.linalg.solve(inner, target) + neighbours.prior
    variance = 1 + noise - (shared * np.linalg.solve(inner, shared.T).T).sum(1, keepdims=True)
    return evidence(kernel.logits(mean, variance), variance)


def targets(neighbours: Process) -> np.ndarray:
    return 2 * labels_of(POSITIONS).astype(float) - 1 - neighbours.prior


def test_training_runs_are_judged_by_the_others(fitted: Fit) -> None:
    neighbours, on_training = fitted
    for left_out in (0, 7, 23):
        others = left_out != POSITIONS
        expected = regression(
            neighbours,
            targets(neighbours)[others],
            [each[others] for each in known(neighbours)],
            seen(neighbours, described(POSITIONS[left_out : left_out + 1])),
        )
        given = on_training[left_out : left_out + 1]
        np.testing.assert_allclose(given, expected, rtol=2e-3, atol=2e-3)  # half precision
        again = neighbours.evidence(described(POSITIONS[~others]), np.array([left_out]))
        np.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-5)


def test_unseen_runs_are_judged_by_all(fitted: Fit) -> None:
    neighbours, _ = fitted
    asked = described(UNSEEN)
    given = neighbours.evidence(asked)
    assert given.shape == (len(UNSEEN), EVIDENCE_FEATURES)
    expected = regression(
        neighbours, targets(neighbours), known(neighbours), seen(neighbours, asked)
    )
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


def test_distance_from_training_runs_is_the_weighted_sum_over_views(fitted: Fit) -> None:
    neighbours, _ = fitted
    asked = described(UNSEEN)
    away = neighbours.away(asked)
    assert away.shape == (len(UNSEEN), len(POSITIONS))
    expected = apart(neighbours, seen(neighbours, asked), known(neighbours))
    np.testing.assert_allclose(away, expected, rtol=1e-9)
    places, near = neighbours.nearest(asked, 5)
    np.testing.assert_array_equal(places, np.argsort(away, axis=1)[:, :5])
    np.testing.assert_array_equal(near, np.sort(away, axis=1)[:, :5])
    itself = neighbours.away(described(POSITIONS))
    assert itself.argmin(1).tolist() == POSITIONS.tolist()
    assert itself.diagonal().max() < 0.05 * away.min(), "half precision is not nearly the same"


def test_among_themselves_a_run_is_not_its_own_neighbour(fitted: Fit) -> None:
    neighbours, _ = fitted
    away = apart(neighbours, known(neighbours), known(neighbours))
    np.fill_diagonal(away, np.inf)
    np.testing.assert_allclose(neighbours.among_themselves(), away.min(1), rtol=1e-9)


def test_what_resembles_nothing_gets_the_prior_and_full_variance(fitted: Fit) -> None:
    neighbours, _ = fitted
    given = neighbours.evidence([each + 1e4 for each in described(UNSEEN[:2])])
    kernel = neighbours.kernel
    variance = np.full((2, 1), 1 + np.exp(kernel.noise))
    prior = np.tile(neighbours.prior, (2, 1))
    np.testing.assert_allclose(given, evidence(kernel.logits(prior, variance), variance))


def test_fit_lowers_the_leave_one_out_loss_and_repeats() -> None:
    losses: list[float] = []

    def progress(_done: int, _total: int, loss: float) -> None:
        losses.append(loss)

    settings: dict[str, Any] = {"runs": resident(), "positions": POSITIONS, "progress": progress}
    first, _ = fit_neighbours(BRIEF, **settings)
    assert losses[14] < 0.9 * losses[0]
    torch.manual_seed(99)
    again, _ = fit_neighbours(BRIEF, **settings)
    for name, value in first.state.items():
        np.testing.assert_array_equal(value, again.state[name])


@pytest.mark.parametrize("limits", [FEW, MANY, Limits(kernel=12, whole=0, inverse=0, nearest=9)])
def test_the_order_of_training_runs_changes_nothing(limits: Limits) -> None:
    shuffled = np.random.default_rng(3).permutation(POSITIONS)
    (first, of_first), (second, of_second) = fit(limits), fit(limits, shuffled)
    np.testing.assert_allclose(of_first[shuffled], of_second, atol=1e-6)
    asked = described(UNSEEN)
    np.testing.assert_allclose(first.evidence(asked), second.evidence(asked), atol=1e-6)


@pytest.mark.parametrize("other", [LOCAL, Limits(kernel=12)], ids=["local", "with inverse"])
def test_many_runs_are_judged_alike_however_it_is_computed(other: Limits) -> None:
    """With all training runs among the nearest, a local process is the whole one."""
    (many, on_training), (again, on_training_again) = fit(MANY), fit(other)
    asked = described(UNSEEN)
    own = POSITIONS[:12]
    np.testing.assert_allclose(many.evidence(asked), again.evidence(asked), atol=1e-5)
    np.testing.assert_allclose(many.evidence(asked, own), again.evidence(asked, own), atol=1e-5)
    np.testing.assert_allclose(on_training, on_training_again, rtol=2e-3, atol=2e-3)


def test_a_local_process_knows_the_nearest_alone() -> None:
    neighbours, _ = fit(Limits(kernel=12, inverse=0, whole=0, nearest=5))
    asked = described(UNSEEN[:1])
    near = neighbours.nearest(asked, 5)[0][0]
    expected = regression(
        neighbours,
        targets(neighbours)[near],
        [each[near] for each in known(neighbours)],
        seen(neighbours, asked),
    )
    np.testing.assert_allclose(neighbours.evidence(asked), expected, atol=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_set_of_labels_keeps_its_share_of_the_chosen(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((40, 10)) < 0.15).astype(np.float32)
    descriptors = [rng.normal(size=(40, 3)).astype(np.float32)]
    chosen = representative(descriptors, labels, count)
    assert len(set(chosen.tolist())) == count
    for labelled in np.unique(labels, axis=0):
        of_all = (labels == labelled).all(1)
        assert abs(of_all[chosen].sum() - of_all.sum() * count / 40) < 1 + 1e-9
    order = rng.permutation(40)
    again = representative([descriptors[0][order]], labels[order], count)
    assert set(order[again].tolist()) == set(chosen.tolist())


@pytest.mark.parametrize("near", [0.0, 1e-9, 1e-5, 1e-2, 1.0])
def test_near_copies_are_as_far_apart_as_they_are(near: float) -> None:
    rng = np.random.default_rng(0)
    features = 1e3 + rng.normal(size=(50, 300))
    copies = features + near * rng.normal(size=(50, 300))
    found = distances(Places.of(features), Places.of(copies))
    expected = np.linalg.norm(features[:, None] - copies, axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)


def test_written_and_read_it_is_the_same(fitted: Fit, tmp_path: Path) -> None:
    neighbours, _ = fitted
    Neighbours(neighbours.state).save(tmp_path / "file")
    read = Neighbours.load(tmp_path / "file")
    assert read.state.keys() == neighbours.state.keys()
    np.testing.assert_array_equal(
        read.whole.evidence(described(UNSEEN)), neighbours.evidence(described(UNSEEN))
    )


def changed(name: str, change: Callable[[np.ndarray], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({name: np.asarray(change(state[name]))})


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no prior": lambda state: state.pop("prior"),
    "an array more": lambda state: state.update(surplus=np.zeros(3)),
    "nothing to compute with": lambda state: [
        state.pop(name, None) for name in ("inverse", "targets", "coefficients")
    ],
    "no training run": lambda state: state.update(
        {name: each[:0] for name, each in state.items() if name.startswith("descriptor_")}
    ),
    "a run less in one": changed("descriptor_peaks", lambda each: each[1:]),
    "a feature more": changed("descriptor_shares", lambda each: np.pad(each, ((0, 0), (0, 1)))),
    "not a number": changed("prior", lambda each: each * np.nan),
    "infinite": changed("descriptor_background", lambda each: each + np.inf),
    "whole numbers of truth": changed("kernel_slope", lambda each: each > 0),
    "a scale of nothing": changed("scale", lambda each: 0 * each),
    "a scale of one number": changed("scale", lambda each: each[0]),
    "noise without end": changed("kernel_noise", lambda each: each + 1e4),
    "a descriptor of one number": changed("descriptor_shares", lambda each: each[0, 0]),
}


@pytest.mark.parametrize("damage", HOSTILE)
def test_a_file_that_does_not_fit_is_refused(fitted: Fit, tmp_path: Path, damage: str) -> None:
    state = dict(fitted[0].state)
    HOSTILE[damage](state)
    save_file({name: np.array(each) for name, each in state.items()}, tmp_path / "file")
    with pytest.raises(ArtifactError, match="file: holds no neighbours"):
        Neighbours.load(tmp_path / "file")


@pytest.mark.parametrize("nearest", [0, 25, -1])
def test_more_nearest_than_there_are_are_refused(nearest: int) -> None:
    with pytest.raises(ArtifactError, match="expected 1 to 24"):
        Neighbours(fit(LOCAL)[0].state | {"nearest": np.array(nearest)})


def test_directions_of_another_shape_are_refused() -> None:
    state = fit(LOCAL)[0].state
    for directions in (state["directions_peaks"][1:], np.zeros(()), np.zeros((2, 2, 2))):
        with pytest.raises(ArtifactError, match="expected numbers"):
            Neighbours(state | {"directions_peaks": directions})


def test_views_of_a_run_do_not_depend_on_its_company() -> None:
    together = described(np.arange(5))
    alone = described(np.array([3]))
    assert len(together) == len(DESCRIPTORS)
    for all_runs, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(all_runs[3:4], one, atol=1e-5)
