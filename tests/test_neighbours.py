"""Neighbours: closed forms of the Gaussian process against the same thing done the long way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from egams.models.neighbours import (
    EVIDENCE_FEATURES,
    Neighbours,
    NeighboursConfig,
    distances,
    evidence,
)
from egams.spectrogram.descriptors import DESCRIPTORS, run_descriptors
from egams.training.neighbours import fit_neighbours
from training_samples import resident

POSITIONS = np.arange(24)
UNSEEN = np.arange(24, 36)


@pytest.fixture(scope="module")
def fitted() -> tuple[Neighbours, Tensor]:
    return fit_neighbours(NeighboursConfig(steps=15), resident(), POSITIONS)


def described(positions: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(each) for each in run_descriptors(resident(), positions)]


def views_of(neighbours: Neighbours) -> list[Tensor]:
    return [getattr(neighbours, f"descriptor_{name}").float() for name in DESCRIPTORS]


def regression(neighbours: Neighbours, target: Tensor, known: list[Tensor], asked: list[Tensor]):
    """Equations 2.25 and 2.26 of Rasmussen & Williams, solved and not inverted."""
    kernel, scale = neighbours.kernel, neighbours.scale[:, None, None]
    inner = torch.exp(-kernel.joined(distances(known, known) / scale))
    inner = inner + kernel.noise.exp() * torch.eye(len(inner), dtype=inner.dtype)
    shared = torch.exp(-kernel.joined(distances(asked, known) / scale))
    mean = shared @ torch.linalg.solve(inner, target) + neighbours.prior
    explained = (shared * torch.linalg.solve(inner, shared.T).T).sum(1, keepdim=True)
    variance = 1 + kernel.noise.exp() - explained
    return evidence(kernel.logits(mean, variance), variance)


def test_training_runs_are_judged_by_the_others(fitted: tuple[Neighbours, Tensor]) -> None:
    neighbours, on_training = fitted
    descriptors = views_of(neighbours)
    target = 2 * resident().labels[POSITIONS].double() - 1 - neighbours.prior
    for left_out in (0, 7, 23):
        others = left_out != POSITIONS
        expected = regression(
            neighbours,
            target[others],
            [descriptor[others] for descriptor in descriptors],
            [descriptor[left_out : left_out + 1] for descriptor in descriptors],
        )
        given = torch.from_numpy(on_training[left_out : left_out + 1])
        torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-4)


def test_unseen_runs_are_judged_by_all(fitted: tuple[Neighbours, Tensor]) -> None:
    neighbours, _ = fitted
    target = 2 * resident().labels[POSITIONS].double() - 1 - neighbours.prior
    asked = described(UNSEEN)
    given = neighbours(asked)
    assert given.shape == (len(UNSEEN), EVIDENCE_FEATURES)
    expected = regression(neighbours, target, views_of(neighbours), asked)
    torch.testing.assert_close(given, expected, rtol=1e-3, atol=1e-3)


def test_distance_from_training_runs_is_the_weighted_sum_over_views(
    fitted: tuple[Neighbours, Tensor],
) -> None:
    neighbours, _ = fitted
    asked, known = described(UNSEEN), views_of(neighbours)
    away = neighbours._away(asked)
    assert away.shape == (len(UNSEEN), len(POSITIONS))
    weights = torch.nn.functional.softplus(neighbours.kernel.weight).double()
    expected = sum(
        weight * torch.cdist(descriptor.double(), other.double()) / scale
        for weight, descriptor, other, scale in zip(
            weights, asked, known, neighbours.scale, strict=True
        )
    )
    torch.testing.assert_close(away.double(), expected, rtol=1e-3, atol=1e-3)
    itself = neighbours._away(described(POSITIONS))
    assert itself.argmin(1).tolist() == POSITIONS.tolist()
    assert itself.diagonal().max() < 0.05 * away.min(), "half precision is not nearly the same"


def test_among_themselves_a_run_is_not_its_own_neighbour(
    fitted: tuple[Neighbours, Tensor],
) -> None:
    neighbours, _ = fitted
    away = neighbours._away(views_of(neighbours))
    others = [
        min(float(away[run, other]) for other in POSITIONS if other != run) for run in POSITIONS
    ]
    found = neighbours.among_themselves()
    np.testing.assert_allclose(found, others, rtol=1e-6)
    assert found.min() > 0
    assert torch.equal(neighbours.among_themselves(), found), "asking changed it"


def test_what_resembles_nothing_gets_the_prior_and_full_variance(
    fitted: tuple[Neighbours, Tensor],
) -> None:
    neighbours, _ = fitted
    far = [descriptor + 1e4 for descriptor in described(UNSEEN[:2])]
    given = neighbours(far)
    kernel = neighbours.kernel
    variance = (1 + kernel.noise.exp()).expand(2, 1)
    prior = neighbours.prior.expand(2, -1)
    torch.testing.assert_close(given, evidence(kernel.logits(prior, variance), variance))


def test_fit_lowers_the_leave_one_out_loss_and_repeats() -> None:
    losses: list[float] = []

    def progress(_done: int, _total: int, loss: float) -> None:
        losses.append(loss)

    settings: dict[str, Any] = {"runs": resident(), "positions": POSITIONS, "progress": progress}
    first, _ = fit_neighbours(NeighboursConfig(steps=15), **settings)
    assert losses[14] < 0.9 * losses[0]
    torch.manual_seed(99)
    again, _ = fit_neighbours(NeighboursConfig(steps=15), **settings)
    assert all(
        torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items()
    )


def test_state_round_trip(fitted: tuple[Neighbours, Tensor]) -> None:
    neighbours, _ = fitted
    rebuilt = Neighbours(neighbours.state_dict())
    asked = described(UNSEEN)
    assert torch.equal(rebuilt(asked), neighbours(asked))


def test_views_of_a_run_do_not_depend_on_its_company() -> None:
    together = run_descriptors(resident(), np.arange(5))
    alone = run_descriptors(resident(), np.array([3]))
    assert len(together) == len(DESCRIPTORS)
    for all_runs, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(all_runs[3:4], one, atol=1e-5)
