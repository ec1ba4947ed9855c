"""Recipes: probabilities of outputs, and what mixtures have to say in their cross entropy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.models.label_sets import label_sets_of, places, probabilities
from egams.training.network.loss import loss

CONFIG = TrainingConfig(label_sets=2.0, smoothing=0.0)


def drawn(seed: int, runs: int = 12) -> tuple[torch.Tensor, ...]:
    """Labels of some runs, their label_sets, and outputs for both."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(runs, len(FAMILIES), generator=generator) < 0.2).float()
    label_sets = label_sets_of(labels)
    outputs = torch.randn(runs, len(FAMILIES) + len(label_sets), generator=generator)
    return labels, label_sets, 3 * outputs


@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0.1, 3.0, 30.0, 1e4]))
def test_probabilities_are_probabilities(seed: int, runs: int, spread: float) -> None:
    labels, _, _ = drawn(seed, runs)
    labels[:, 0] = 1.0  # a family of every label set is as sure as can be
    label_sets = label_sets_of(labels)
    generator = torch.Generator().manual_seed(seed)
    outputs = spread * torch.randn(64, len(FAMILIES) + len(label_sets), generator=generator)
    outputs[:, 0] = 100.0
    told = probabilities(outputs, label_sets)
    assert told.shape == (64, len(FAMILIES))
    assert bool(((told >= 0) & (told <= 1)).all())


def test_probability_is_the_mean_of_the_family_s_own_and_that_of_its_label_sets() -> None:
    label_sets = torch.zeros(3, len(FAMILIES))
    label_sets[1, 2] = label_sets[2, 2] = label_sets[2, 5] = 1
    joint = torch.tensor([0.5, 0.3, 0.2])
    own = torch.linspace(0.05, 0.95, len(FAMILIES))
    outputs = torch.cat([torch.logit(own), joint.log() + 7])[None]
    expected = own / 2
    expected[2] += 0.5 * 0.5
    expected[5] += 0.5 * 0.2
    torch.testing.assert_close(probabilities(outputs, label_sets)[0], expected)
    torch.testing.assert_close(probabilities(outputs, None)[0], own)


def test_label_sets_that_occur_and_are_found_again() -> None:
    labels, label_sets, _ = drawn(3, runs=40)
    assert {tuple(row) for row in label_sets.tolist()} == {tuple(row) for row in labels.tolist()}
    assert len(label_sets) == len(label_sets.unique(dim=0))
    place, known = places(labels, label_sets)
    assert known.all()
    assert torch.equal(label_sets[place], labels)


def test_loss_is_that_of_the_families_and_the_weighted_cross_entropy_of_the_label_sets() -> None:
    labels, label_sets, outputs = drawn(1)
    own, joint = outputs[:, : len(FAMILIES)].double(), outputs[:, len(FAMILIES) :].double()
    sure = torch.sigmoid(own).numpy()
    families = -np.mean(np.log(np.where(labels.numpy() == 1, sure, 1 - sure)))
    right = [
        next(k for k, row in enumerate(label_sets.tolist()) if row == label)
        for label in labels.tolist()
    ]
    told = torch.softmax(joint, 1).numpy()[np.arange(len(labels)), right]
    expected = families + 2.0 * -np.mean(np.log(told)) / len(FAMILIES)
    assert float(loss(outputs, labels, label_sets, CONFIG)) == pytest.approx(expected, rel=1e-5)
    without = loss(outputs, labels, None, CONFIG)
    assert float(without) == pytest.approx(families, rel=1e-5)


def test_a_mixture_that_is_no_known_label_set_has_no_part_in_their_cross_entropy() -> None:
    labels, label_sets, outputs = drawn(2)
    labels[4] = 1.0  # all families at once: nobody made that
    assert places(labels, label_sets)[1].tolist() == [run != 4 for run in range(len(labels))]
    outputs.requires_grad_()
    loss(outputs, labels, label_sets, CONFIG).backward()
    assert outputs.grad is not None
    of_label_sets = outputs.grad[:, len(FAMILIES) :].ne(0).any(1)
    assert of_label_sets.tolist() == [run != 4 for run in range(len(labels))]
    assert outputs.grad[:, : len(FAMILIES)].ne(0).all(), "its families still count"
