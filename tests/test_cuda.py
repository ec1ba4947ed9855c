"""What a GPU has to do as a CPU does: the first thing to run on a card, in about three minutes.

``EGAMS_TEST_DEVICE=cpu pytest tests/test_cuda.py`` tries the tests themselves where there is none.
"""

from __future__ import annotations

import os
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egams.arrays import to_numpy
from egams.ensemble.bundle import load_bundle
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.jobs.choose import choose_executor
from egams.jobs.contract import Job
from egams.jobs.stopping import never
from egams.models.predict import predict_draws
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws, draw, draw_each, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.training.compute import Compute
from egams.training.controls import Controls
from egams.training.cross_validation import cross_validate
from egams.training.network import batches, loop
from egams.training.network.loop import train_network
from job_samples import on_device
from prepared_samples import simulated
from training_samples import (
    NETWORKS,
    kind_of,
    labelled_runs,
    resident,
    small,
    store,
    tiny_experiment,
)

DEVICE = os.environ.get("EGAMS_TEST_DEVICE", "cuda")
if DEVICE == "cuda" and not torch.cuda.is_available():
    pytest.skip("torch sees no GPU", allow_module_level=True)

TRAINED_ON = np.arange(12)
HELD_OUT = np.arange(12, 36)


@cache
def arrays() -> ResidentRuns:
    """Runs in NumPy's arrays."""
    return ResidentRuns.load(store())


@cache
def on_card() -> ResidentRuns:
    return arrays().to(DEVICE)


def assert_same_draws(first: Draws, second: Draws) -> None:
    """Bit for bit."""
    for entry in fields(Draws):
        if entry.name != "partner":
            here, there = getattr(first, entry.name), getattr(second, entry.name)
            assert np.array_equal(here, there), entry.name
    if first.partner is not None:
        assert_same_draws(first.partner, second.partner)


@pytest.mark.parametrize("norm", ["max", "band", "share", "all"])
def test_draws_are_the_same_and_render_alike(norm: Any) -> None:
    config = SpectrogramConfig(norm=norm, mix=0.5, baseline_prob=0.5, shift=8.0, stretch=0.1)
    everyone = np.arange(len(arrays()))

    def in_training(runs: ResidentRuns) -> Draws:
        rng = np.random.default_rng(1)
        return draw(windows(runs, config), everyone, config, rng, partners=everyone)

    def in_prediction(runs: ResidentRuns) -> Draws:
        return draw_each(runs, windows(runs, config), everyone, config, 8, (3, 1))

    for drawn in (in_training, in_prediction):
        on_cpu, there = drawn(arrays()), drawn(on_card())
        assert_same_draws(on_cpu, there)
        image = render(on_card(), there, config)
        assert image.device.type == DEVICE
        apart = np.abs(to_numpy(image) - render(arrays(), on_cpu, config))
        # Of a band with next to no signal, single precision leaves its last digits open.
        assert apart.max() < 1e-3
        assert np.mean(apart > 1e-5) < 1e-4
        labels = to_numpy(mixed_labels(on_card(), there))
        np.testing.assert_array_equal(labels, mixed_labels(arrays(), on_cpu))


def experiment_of(kind: type, precision: str, epochs: int = 3) -> Experiment:
    training = TrainingConfig(
        epochs=epochs, batch_size=6, average="none", precision=precision, optimiser="adamw"
    )
    return Experiment(name="x", model=small(kind), training=training)


def losses_of(experiment: Experiment, runs: ResidentRuns, **controls: Any) -> tuple[Any, list]:
    """A trained network, and the loss of each epoch."""
    losses: list[float] = []
    watched = Controls(progress=lambda _done, _total, loss: losses.append(loss), **controls)
    return train_network(experiment, runs, TRAINED_ON, 0, watched), losses


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", NETWORKS, ids=kind_of)
def test_every_network_learns_and_predicts_as_on_a_cpu(
    kind: type, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "drawn_at_once", lambda _device, size: size)  # the same draws
    experiment = experiment_of(kind, precision)
    predictor, losses = losses_of(experiment, on_card())
    _, expected = losses_of(experiment, resident())
    # The random slopes of `conv1d` are drawn on the card.
    np.testing.assert_allclose(losses, expected, rtol=0.05)
    assert all(value.device.type == DEVICE for value in predictor.network.state_dict().values())
    asked = experiment.spectrogram, 4, (2,)
    there = predict_draws([predictor], on_card(), HELD_OUT, *asked)
    on_cpu = predict_draws([predictor.on("cpu")], arrays(), HELD_OUT, *asked)
    np.testing.assert_allclose(there, on_cpu, atol=1e-3)
    assert on_cpu.std(axis=2).max() > 1e-3, "all runs have the same answer"


def test_a_stopped_training_goes_on_nearly_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    experiment = tiny_experiment(epochs=8, precision="auto", label_sets=0.5)
    _, whole = losses_of(experiment, on_card())
    checkpoint = tmp_path / "training.checkpoint"

    def stop() -> bool:
        return checkpoint.is_file()

    with pytest.raises(loop.StoppedError):
        losses_of(experiment, on_card(), checkpoint=checkpoint, stop=stop)
    _, rest = losses_of(experiment, on_card(), checkpoint=checkpoint)
    assert 0 < len(rest) < len(whole)
    np.testing.assert_allclose(rest, whole[-len(rest) :], rtol=0.01)


def test_two_processes_share_a_card(tmp_path: Path) -> None:
    """Of every kind of trainer, with evidence and SAM-like runs."""
    runs = prepare(labelled_runs(24, 0), tmp_path / "runs.store", jobs=1)
    of_sam = [simulated(seed, "sam_testbed") for seed in range(4)]
    sources = prepare(of_sam, tmp_path / "sam.store", jobs=1)
    network = tiny_experiment("network", epochs=3, precision="auto")
    chosen = [
        network.model_copy(update={"evidence": True, "sam_like": 0.5}),
        Experiment(name="trees", model={"kind": "lightgbm", "trees": 5, "renders": 2}),
        Experiment(name="neighbours", model={"kind": "neighbours", "steps": 5}),
    ]
    study = cross_validate(
        runs,
        chosen,
        tmp_path / "study",
        folds=2,
        sam_sources=sources,
        draws=2,
        jobs=2,
        compute=Compute("processes", device=DEVICE),
    )
    for experiment in chosen:
        for fold in ("0", "1"):
            assert study.record(experiment.name, fold).device.startswith(DEVICE)
        found = study.out_of_fold(experiment.name, ["0", "1"]).probabilities
        assert np.isfinite(found).all()
        assert found.std() > 0


def test_the_shipped_bundle_answers_as_on_a_cpu() -> None:
    bundle = load_bundle()
    there, on_cpu = (bundle.predict(store(), draws=4, device=each) for each in (DEVICE, "cpu"))
    np.testing.assert_allclose(there.probabilities, on_cpu.probabilities, atol=1e-3)
    assert [run.flags for run in there] == [run.flags for run in on_cpu]


@pytest.mark.parametrize("name", ["hogs", "halts"] if DEVICE == "cuda" else ["hogs"])
def test_a_job_without_memory_or_card_is_tried_again_in_a_fresh_process(
    name: str, tmp_path: Path
) -> None:
    jobs = [Job(each, (each, tmp_path, DEVICE)) for each in (name, "a", "b")]
    executor = choose_executor("processes", 2, device=DEVICE)
    states = list(executor.run(on_device, jobs, None, never))
    final = {state.job: state.state for state in states if state.state != "running"}
    assert final == {name: "finished", "a": "finished", "b": "finished"}, states
    (again,) = [state.reason for state in states if state.state == "running" and state.reason]
    assert "second try" in again
    seen = {(tmp_path / each).read_text() for each in final}
    assert seen == {"1" if DEVICE == "cuda" else str(torch.cuda.device_count())}
