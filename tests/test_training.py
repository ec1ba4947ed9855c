"""The training loop: its golden curve, resuming, schedules, loss, averages of weights.

Run as a script to make the golden loss curve anew, after a change that is meant to change it.
"""

from __future__ import annotations

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egams.artifact import sealed
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.models.trained_network import NetworkPredictor
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import draw_each, windows
from egams.spectrogram.render import render
from egams.training.checkpoint import write_checkpoint
from egams.training.controls import Controls, EpochLog
from egams.training.network import batches as drawing
from egams.training.network import loop
from egams.training.network.average import WeightAverage
from egams.training.network.batches import batches, in_whole_batches
from egams.training.network.loop import train_network
from egams.training.network.loss import loss, smooth
from egams.training.network.schedule import one_cycle, restarts
from training_samples import NETWORKS, kind_of, resident, small

GOLDEN = Path(__file__).parent / "golden" / "loss_curve.json"
MODEL = NETWORKS[0]
TRAINED_ON = np.arange(14)
DROPPING = {"dropout": 0.3, "mz_dropout": 0.2}


class StoppedError(Exception):
    """What stops a training in these tests."""


def train(training: TrainingConfig, *, model: Any = None, seed: int = 3, **settings: Any):
    spectrogram = settings.pop("spectrogram", SpectrogramConfig(mix=0.5, baseline_prob=0.5))
    runs, positions = settings.pop("runs", resident()), settings.pop("positions", TRAINED_ON)
    model = small(MODEL, **DROPPING, width=8) if model is None else model
    experiment = Experiment(name="x", model=model, spectrogram=spectrogram, training=training)
    return train_network(experiment, runs, positions, seed, Controls(**settings))


def weights(predictor: NetworkPredictor) -> dict[str, torch.Tensor]:
    return predictor.network.state_dict()


def same(first: NetworkPredictor, second: NetworkPredictor) -> bool:
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def stop_after(epochs: int):
    def progress(done: int, _total: int, _loss: float) -> None:
        if done == epochs:
            raise StoppedError

    return progress


def stopped(training: TrainingConfig, checkpoint: Path, epochs: int = 3, **settings: Any) -> None:
    """Leave the checkpoint of the epoch before the one it is stopped in."""
    with pytest.raises(StoppedError):
        train(training, checkpoint=checkpoint, progress=stop_after(epochs), **settings)
    assert checkpoint.is_file()


@pytest.fixture(autouse=True)
def _checkpoint_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)


def golden_curve() -> list[float]:
    losses: list[float] = []
    train(
        TrainingConfig(epochs=5, batch_size=6),
        progress=lambda _done, _total, value: losses.append(value),
    )
    return losses


def test_loss_curve_is_the_golden_one() -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    np.testing.assert_allclose(golden_curve(), expected, rtol=1e-3)


@pytest.mark.parametrize("at_once", [None, 5, 10, 35])
def test_an_epoch_shows_each_run_once_however_many_are_drawn_together(
    at_once: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once is not None:
        monkeypatch.setattr(drawing, "drawn_at_once", lambda _device, _size: at_once)
    runs, config = resident(), SpectrogramConfig(mz_sigma=0.0, norm="all")
    order = np.array([8, 2, 11, 0, 5, 7, 1, 30, 4, 9, 6, 3])
    generator = np.random.default_rng(1)
    shown_as = list(batches(runs, windows(runs, config), order, config, generator, 5))
    assert [len(batch.labels) for batch in shown_as] == [5, 5, 2]
    assert torch.equal(torch.cat([batch.labels for batch in shown_as]), runs.labels[order])
    assert torch.equal(torch.cat([batch.context for batch in shown_as]), runs.context[order])
    alike = draw_each(runs, windows(runs, config), order, config, 1, (0,))
    shown = torch.cat([batch.spectrogram for batch in shown_as])
    assert shown.shape == (12, 300, 80)
    # Draws differ, runs stay themselves: each is nearest to itself.
    apart = torch.cdist(shown.flatten(1), render(runs, alike, config).flatten(1))
    assert apart.argmin(1).tolist() == list(range(12))


@pytest.mark.parametrize(("runs", "whole"), [(14, 18), (12, 12), (6, 6), (5, 5), (1, 1)])
def test_on_a_gpu_an_epoch_begins_again_until_its_last_batch_is_whole(
    runs: int, whole: int
) -> None:
    order = np.random.default_rng(0).permutation(runs)
    filled = in_whole_batches(order, 6)
    np.testing.assert_array_equal(filled, [*order, *order[: whole - runs]])


def test_mixing_draws_partners_across_batches_and_joins_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "drawn_at_once", lambda _device, _size: 16)
    runs, config = resident(), SpectrogramConfig(mix=1.0)
    order, generator = np.arange(20), np.random.default_rng(1)
    for batch, own in zip(
        batches(runs, windows(runs, config), order, config, generator, 8),
        np.split(order, [8, 16]),
        strict=True,
    ):
        assert (batch.labels >= runs.labels[own]).all()
        assert (batch.labels > runs.labels[own]).any()


@pytest.mark.parametrize("schedule", ["one_cycle", "restarts"])
@pytest.mark.parametrize(
    ("average", "optimiser"), [("ema", "adamw"), ("swa", "sgd"), ("none", "adamw")]
)
def test_resumed_training_ends_bit_identical(
    average: Any, optimiser: Any, schedule: Any, tmp_path: Path
) -> None:
    training = TrainingConfig(
        epochs=5,
        batch_size=6,
        average=average,
        average_share=0.8,
        optimiser=optimiser,
        schedule=schedule,
        learning_rate=1e-2,
    )
    checkpoint = tmp_path / "training.checkpoint"
    stopped(training, checkpoint, epochs=2)
    stopped(training, checkpoint, epochs=4)
    epochs: list[int] = []
    resumed = train(training, checkpoint=checkpoint, progress=lambda done, *_: epochs.append(done))
    assert epochs == [4, 5], "did not go on from the checkpoint"
    assert same(resumed, train(training))


def test_the_log_of_epochs_goes_on_with_a_resumed_training_and_changes_nothing(
    tmp_path: Path,
) -> None:
    def held_out(predictor: Any) -> float:
        predictor.network.load_state_dict({k: v + 1 for k, v in weights(predictor).items()})
        return float(torch.rand(()))  # takes from the global generator, changes what it is given

    training = TrainingConfig(epochs=23, batch_size=6, average="swa", average_share=0.1)
    plain = train(training)
    logs = [EpochLog(held_out) for _ in range(3)]
    assert same(train(training, log=logs[0]), plain)
    checkpoint = tmp_path / "training.checkpoint"
    stopped(training, checkpoint, epochs=9, log=logs[1])
    assert same(train(training, log=logs[2], checkpoint=checkpoint), plain)
    for log in (logs[0], logs[2]):
        assert [each.epoch for each in log.epochs] == list(range(1, 24))
        measured = [each.epoch for each in log.epochs if "held_out_log_loss" in each.measured()]
        assert measured == [*range(2, 23, 2), 23]
    for name in ("training_loss", "learning_rate"):
        first, second = ([getattr(each, name) for each in log.epochs] for log in (logs[0], logs[2]))
        assert first == second


@pytest.mark.parametrize("kind", NETWORKS, ids=kind_of)
def test_every_network_resumes_and_repeats(kind: type, tmp_path: Path) -> None:
    training, model = TrainingConfig(epochs=3, batch_size=6), small(kind, **DROPPING)
    checkpoint = tmp_path / "training.checkpoint"
    stopped(training, checkpoint, epochs=2, model=model)
    whole = train(training, model=model)
    assert same(train(training, model=model, checkpoint=checkpoint), whole)
    assert same(train(training, model=model), whole)


def test_seed_decides_and_nothing_else_does() -> None:
    training = TrainingConfig(epochs=2, batch_size=6)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train(training)
    assert torch.equal(torch.get_rng_state(), before), "global randomness was touched"
    torch.manual_seed(2)
    assert same(train(training), first)
    assert not same(train(training, seed=4), first)


def test_failed_training_leaves_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    with pytest.raises(StoppedError):
        train(TrainingConfig(epochs=2, batch_size=6), progress=stop_after(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_training_leaves_its_runs_alone() -> None:
    before = {name: value.clone() for name, value in vars(resident()).items()}
    train(TrainingConfig(epochs=1, batch_size=6), spectrogram=SpectrogramConfig(mix=1.0))
    assert all(torch.equal(getattr(resident(), name), before[name]) for name in before)


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    training = TrainingConfig(epochs=3, batch_size=6)
    checkpoint = tmp_path / "training.checkpoint"
    stopped(training, checkpoint, epochs=2)
    runs = resident()
    relabelled = type(runs)(**{**vars(runs), "labels": 1 - runs.labels})
    others: list[dict[str, Any]] = [
        {"training": training.model_copy(update={"learning_rate": 2e-3})},
        {"spectrogram": SpectrogramConfig()},
        {"model": small(MODEL, width=16)},
        {"seed": 4},
        {"positions": TRAINED_ON + 1},
        {"runs": relabelled},
    ]
    for other in others:
        with pytest.raises(ArtifactError, match=r"training\.checkpoint.*Remove it"):
            train(**{"training": training, "checkpoint": checkpoint, **other})
    train(training, checkpoint=checkpoint)


def test_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    training = TrainingConfig(epochs=3, batch_size=6)
    checkpoint = tmp_path / "training.checkpoint"
    stopped(training, checkpoint, epochs=2)
    whole = checkpoint.read_bytes()
    opening, _, payload = whole.partition(b"\n")
    content = torch.load(BytesIO(payload), weights_only=True)

    def refused(saying: str) -> None:
        with pytest.raises(ArtifactError, match=rf"training\.checkpoint.*{saying}.*Remove it"):
            train(training, checkpoint=checkpoint)

    checkpoint.write_bytes(whole[: len(whole) // 2])
    refused("is damaged")
    checkpoint.write_bytes(b"not a checkpoint")
    refused("not readable")
    later = sealed(json.loads(opening) | {"format_version": 99, "egams_version": "7.1"})
    checkpoint.write_bytes(json.dumps(later).encode() + b"\n" + payload)
    refused("format 99, made by egams 7.1")
    torch.save({"kind": "checkpoint", "format_version": 1}, checkpoint)  # of egams 0.1.0
    refused("format 1, made by egams 0.1")
    lacking = dict(list(content["network"].items())[1:])
    write_checkpoint(checkpoint, content["made_for"], content | {"network": lacking})
    refused("does not fit")


def test_bfloat16_trains() -> None:
    losses: list[float] = []
    predictor = train(
        TrainingConfig(epochs=6, batch_size=7, precision="bf16", learning_rate=1e-2),
        progress=lambda _done, _total, value: losses.append(value),
    )
    assert losses[-1] < losses[0]
    assert all(value.dtype != torch.bfloat16 for value in weights(predictor).values())


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


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_curve(), indent=1) + "\n", encoding="utf-8")
