"""Parts of the training loop: schedules, loss, averages of weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egams.experiments.training_config import TrainingConfig
from egams.training.network.average import WeightAverage
from egams.training.network.loss import loss, smooth
from egams.training.network.schedule import one_cycle, restarts


@given(steps=st.integers(1, 5000), share=st.floats(0, 1, exclude_max=True))
def test_one_cycle_rises_then_falls(steps: int, share: float) -> None:
    step = int(share * steps)
    here, after = one_cycle(step, steps), one_cycle(step + 1, steps)
    assert 0 < here <= 1
    if (step + 1.5) / steps <= 0.1:
        assert after > here
    if (step + 0.5) / steps >= 0.1 and step + 1 < steps:
        assert after < here
    assert max(one_cycle(each, steps) for each in range(steps)) > 0.5


def test_one_cycle_starts_low_and_ends_at_nothing() -> None:
    assert one_cycle(0, 1000) == pytest.approx(0.005)
    assert one_cycle(99, 1000) == pytest.approx(0.995)
    assert one_cycle(999, 1000) < 1e-5


def stepped_restarts(epochs: int) -> list[float]:
    """The recurrence of PyTorch's CosineAnnealingWarmRestarts, which takes whole factors only."""
    factors, since, period = [], 0.0, 16.0
    for _ in range(epochs):
        factors.append(1e-3 + (1 - 1e-3) * (1 + math.cos(math.pi * since / period)) / 2)
        since += 1
        if since >= period:
            since -= period
            period *= 1.41421
    return factors


def test_restarts_have_the_published_constants() -> None:
    factors = [restarts(epoch) for epoch in range(1200)]
    assert factors[0] == 0.01
    np.testing.assert_allclose(factors[1:], stepped_restarts(1200)[1:], rtol=1e-9)
    assert min(factors) >= 1e-3
    assert factors[16] == 1.0
    warm = [epoch for epoch in range(1, 1200) if factors[epoch] > factors[epoch - 1] + 0.1]
    assert warm == [1, 16, 39, 71, 116, 180, 271, 399, 580, 836, 1198]


def test_restarts_follow_pytorch_where_it_can() -> None:
    """Within the first cycle, where the factor between periods plays no part."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, 16, eta_min=1e-3)
    for epoch in range(16):
        if epoch:
            assert restarts(epoch) == pytest.approx(reference.get_last_lr()[0])
        optimiser.step()
        reference.step()


def test_labels_are_smoothed_as_published() -> None:
    smoothed = smooth(torch.tensor([0.0, 1.0], dtype=torch.float64), 0.001)
    np.testing.assert_allclose(smoothed, [0.001, 1 / 1.002 + 0.001], rtol=1e-12)
    assert torch.equal(smooth(torch.tensor([0.0, 1.0]), 0.0), torch.tensor([0.0, 1.0]))


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    logits, labels = torch.randn(6, 10), (torch.rand(6, 10) < 0.3).float()
    plain = loss(logits, labels, None, TrainingConfig(loss="bce"))
    assert loss(logits, labels, None, TrainingConfig(loss="focal", focus=0.0)) == plain
    assert loss(logits, labels, None, TrainingConfig(loss="focal", focus=2.0)) < plain
    expected = torch.nn.functional.binary_cross_entropy(
        torch.sigmoid(logits), smooth(labels, 0.001)
    )
    torch.testing.assert_close(plain, expected)


def test_focal_loss_turns_to_what_is_wrong() -> None:
    labels = torch.tensor([[1.0, 1.0]])
    right, wrong = torch.tensor([[4.0, 4.0]]), torch.tensor([[4.0, -4.0]])
    plain, focal = (TrainingConfig(loss=name, smoothing=0.0) for name in ("bce", "focal"))
    ratio = loss(wrong, labels, None, plain) / loss(right, labels, None, plain)
    assert loss(wrong, labels, None, focal) / loss(right, labels, None, focal) > 10 * ratio


class Scalar(torch.nn.Module):
    """One weight and one counter, as batch norm has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def become(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)
            self.steps += 1


def averaged(values: list[float], first: float = 0.0, **settings: Any) -> dict[str, torch.Tensor]:
    """Average of one value an epoch, one step an epoch."""
    network, config = Scalar(), TrainingConfig(epochs=len(values), **settings)
    network.become(first)
    average = WeightAverage(network, config)
    for epoch, value in enumerate(values):
        network.become(value)
        average.after_step()
        average.after_epoch(epoch)
    return average.tensors


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=40), st.sampled_from([0.25, 0.5, 1.0]))
def test_stochastic_weight_average_is_the_plain_mean(values: list[float], share: float) -> None:
    state = averaged(values, first=1e6, average="swa", average_share=share)
    last = values[int(len(values) * (1 - share)) :]
    np.testing.assert_allclose(state["weight"], np.mean(last), atol=1e-9)
    assert state["steps"] == len(values) + 1, "counters are taken over, not averaged"


def test_exponential_average_has_weights_that_sum_to_one_and_forgets_the_start() -> None:
    values = list(np.linspace(-1, 1, 60))
    settings: dict[str, Any] = {"average": "ema", "average_decay": 0.9}
    constant = averaged([3.0] * 60, first=3.0, **settings)["weight"]
    np.testing.assert_allclose(constant, 3.0, rtol=1e-12)
    assert averaged([0.0] * 60, first=1.0, **settings)["weight"] < 1e-4
    state, expected = averaged(values, first=5.0, **settings)["weight"], 5.0
    for count, value in enumerate(values, 1):
        memory = min(0.9, count / (count + 10))
        expected = memory * expected + (1 - memory) * value
    np.testing.assert_allclose(state, expected, rtol=1e-9)


def test_no_average_is_the_last() -> None:
    assert averaged([1.0, 2.0, 7.0], average="none")["weight"] == 7.0
