"""The training loop: its golden curve, resuming, checkpoints.

Run as a script to make the golden loss curve anew, after a change that is meant to change it.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

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
from egams.training.network.batches import batches, in_whole_batches
from egams.training.network.loop import train_network
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


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_curve(), indent=1) + "\n", encoding="utf-8")
