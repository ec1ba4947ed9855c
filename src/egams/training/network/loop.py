"""The training loop of a network, top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from egams.arrays import IntArray
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.jobs.stopping import StoppedError
from egams.models.label_sets import label_sets_of
from egams.models.network import FROM_SCRATCH, NetworkSettings, Sizes
from egams.models.tf32 import in_tf32
from egams.models.trained_network import NetworkPredictor
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Windows, stream, windows
from egams.spectrogram.resident import ResidentRuns
from egams.study.epochs import Epoch
from egams.training.checkpoint import made_for
from egams.training.controls import UNWATCHED, Controls
from egams.training.network.average import WeightAverage
from egams.training.network.batches import batches, in_whole_batches
from egams.training.network.loss import loss
from egams.training.network.precision import in_bfloat16, laid_out
from egams.training.network.schedule import one_cycle, restarts
from egams.training.network.state import TrainingState, load_checkpoint, save_checkpoint

SECONDS_BETWEEN_CHECKPOINTS = 30.0


def train_network(
    experiment: Experiment,
    runs: ResidentRuns,
    positions: IntArray,
    seed: int,
    controls: Controls = UNWATCHED,
) -> NetworkPredictor:
    """Train a network on some of the runs, a `Trainer`.

    Random numbers of an epoch depend on the seed and the epoch alone, so that a training resumed
    from a checkpoint ends, on a CPU, bit-identical to one that was never stopped.

    Source: the write-up's published constants; see `TrainingConfig`.
    """
    model, spectrogram, training = experiment.model, experiment.spectrogram, experiment.training
    assert isinstance(model, NetworkSettings)
    checkpoint = controls.checkpoint
    devices = [runs.device] if runs.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(_seed(seed, "weights"))
        label_sets = label_sets_of(runs.labels[positions]) if training.label_sets else None
        outputs = len(FAMILIES) + (0 if label_sets is None else len(label_sets))
        sizes = Sizes(spectrogram.rows, runs.context.shape[1], outputs)
        network = model.build(sizes)
        resumes = checkpoint is not None and checkpoint.is_file()
        started_from = FROM_SCRATCH if resumes else model.prepare(network)
        bfloat16 = in_bfloat16(training.precision, runs.device, network)
        laid_out(network.to(runs.device), bfloat16)
        forward: Callable[..., Tensor] = torch.compile(network) if controls.compiled else network
        optimiser = _optimiser(network, training)
        state = TrainingState(network, optimiser, WeightAverage(network, training), started_from)
        state.log = log = controls.log or state.log
        purpose = made_for(
            runs, positions, seed, model=model, spectrogram=spectrogram, training=training
        )
        if checkpoint is not None and resumes:
            load_checkpoint(checkpoint, state, purpose)
        table = windows(runs, spectrogram)
        saved = time.monotonic()
        while state.epoch < training.epochs:
            begun = time.perf_counter()
            mean_loss = _train_epoch(
                state, forward, spectrogram, training, runs, table, positions, label_sets, seed
            )
            seconds, held_out_loss = time.perf_counter() - begun, math.nan
            if log.held_out is not None and log.is_due(state.epoch, training.epochs):
                held_out_loss = log.held_out(_so_far(state, sizes, label_sets))
            rate = optimiser.param_groups[0]["lr"]
            log.epochs.append(Epoch(state.epoch, mean_loss, held_out_loss, rate, seconds))
            if controls.progress is not None:
                controls.progress(state.epoch, training.epochs, mean_loss)
            if state.epoch == training.epochs:
                break
            stopping = controls.stop()
            due = stopping or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS
            if checkpoint is not None and due:
                save_checkpoint(checkpoint, state, purpose)
                saved = time.monotonic()
            if stopping:
                raise StoppedError(f"stopped after {state.epoch} of {training.epochs} epochs")
    network.load_state_dict(state.average.tensors)
    return NetworkPredictor(network, sizes, label_sets, started_from=state.started_from)


def _so_far(state: TrainingState, sizes: Sizes, label_sets: Tensor | None) -> NetworkPredictor:
    """A copy of the network, with the averaged weights once there are any."""
    network = deepcopy(state.network)
    if state.average.count:
        network.load_state_dict(state.average.tensors)
    return NetworkPredictor(network, sizes, label_sets)


def _train_epoch(
    state: TrainingState,
    forward: Callable[..., Tensor],
    spectrogram: SpectrogramConfig,
    training: TrainingConfig,
    runs: ResidentRuns,
    table: Windows,
    positions: IntArray,
    label_sets: Tensor | None,
    seed: int,
) -> float:
    network, optimiser = state.network.train(), state.optimiser
    torch.manual_seed(_seed(seed, "dropout", state.epoch))
    generator = stream(b"draws", (seed, state.epoch))
    order = generator.permutation(positions)
    if runs.device.type == "cuda":
        order = in_whole_batches(order, training.batch_size)
    steps = math.ceil(len(order) / training.batch_size)
    bfloat16 = in_bfloat16(training.precision, runs.device, network)
    losses = torch.zeros((), device=runs.device)
    drawn = batches(runs, table, order, spectrogram, generator, training.batch_size)
    for number, (image, context, labels) in enumerate(drawn):
        factor = (
            one_cycle(state.epoch * steps + number, training.epochs * steps)
            if training.schedule == "one_cycle"
            else restarts(state.epoch)
        )
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * factor
        optimiser.zero_grad()
        with in_tf32(runs.device, tuned=True):
            with torch.autocast(runs.device.type, torch.bfloat16, enabled=bfloat16):
                outputs = forward(image, context)
            value = loss(outputs.float(), labels, label_sets, training)
            value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), training.clip_norm)
        optimiser.step()
        state.average.after_step()
        losses += value.detach() * len(labels)
    state.average.after_epoch(state.epoch)
    state.epoch += 1
    return float(losses) / len(order)


def _optimiser(network: nn.Module, training: TrainingConfig) -> torch.optim.Optimizer:
    weights, rate, decay = network.parameters(), training.learning_rate, training.weight_decay
    if training.optimiser == "sgd":
        return torch.optim.SGD(
            weights, rate, momentum=0.9, nesterov=True, weight_decay=decay, fused=True
        )
    return torch.optim.AdamW(weights, rate, weight_decay=decay, fused=True)


def _seed(seed: int, purpose: str, epoch: int = 0) -> int:
    entropy = [seed, epoch, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
