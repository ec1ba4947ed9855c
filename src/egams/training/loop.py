"""The training loop of a network, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from egams.families import FAMILIES
from egams.models.network import Sizes
from egams.models.predictor import NetworkPredictor
from egams.models.recipes import recipes_of
from egams.models.registry import NetworkConfig
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Windows, draw, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns
from egams.training.average import WeightAverage
from egams.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from egams.training.config import TrainingConfig
from egams.training.loss import loss
from egams.training.schedule import one_cycle, restarts

Progress = Callable[[int, int, float], None]
"""Called after each epoch with (epochs done, epochs in all, mean loss of the epoch)."""

SECONDS_BETWEEN_CHECKPOINTS = 30.0


def train_network(
    model: NetworkConfig,
    spectrogram: SpectrogramConfig,
    training: TrainingConfig,
    runs: ResidentRuns,
    positions: Tensor,
    seed: int,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> NetworkPredictor:
    """Train a network on some of the runs.

    Random numbers of an epoch depend on the seed and the epoch alone, so that a training resumed
    from `checkpoint` ends, on a CPU, bit-identical to one that was never stopped.

    Parameters
    ----------
    positions
        Which of `runs`, all of them labelled ``[run]``.
    checkpoint
        File to resume from and to save to now and then; None keeps nothing.

    Source: the write-up's published constants; see `TrainingConfig`.
    """
    with torch.random.fork_rng(devices=_cuda_devices(runs)):
        torch.manual_seed(_seed(seed, "weights"))
        recipes = recipes_of(runs.labels[positions]) if training.recipes else None
        sizes = Sizes(
            spectrogram.rows,
            runs.context.shape[1],
            len(FAMILIES) + (0 if recipes is None else len(recipes)),
        )
        network = model.build(sizes).to(runs.device)
        optimiser = _optimiser(network, training)
        state = TrainingState(network, optimiser, WeightAverage(network, training))
        made_for = _made_for(model, spectrogram, training, runs, positions, seed)
        if checkpoint is not None:
            load_checkpoint(checkpoint, state, made_for)
        table = windows(runs, spectrogram)
        saved = time.monotonic()
        while state.epoch < training.epochs:
            mean_loss = _train_epoch(
                state, spectrogram, training, runs, table, positions, recipes, seed
            )
            if progress is not None:
                progress(state.epoch, training.epochs, mean_loss)
            due = time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS
            if checkpoint is not None and due and state.epoch < training.epochs:
                save_checkpoint(checkpoint, state, made_for)
                saved = time.monotonic()
    network.load_state_dict(state.average.state())
    return NetworkPredictor(network, sizes, recipes)


def _train_epoch(
    state: TrainingState,
    spectrogram: SpectrogramConfig,
    training: TrainingConfig,
    runs: ResidentRuns,
    table: Windows,
    positions: Tensor,
    recipes: Tensor | None,
    seed: int,
) -> float:
    network, optimiser = state.network.train(), state.optimiser
    torch.manual_seed(_seed(seed, "dropout", state.epoch))
    generator = torch.Generator(runs.device).manual_seed(_seed(seed, "draws", state.epoch))
    order = positions[torch.randperm(len(positions), generator=generator, device=runs.device)]
    batches = torch.split(order, training.batch_size)
    losses = torch.zeros((), device=runs.device)
    for number, batch in enumerate(batches):
        factor = (
            one_cycle(state.epoch * len(batches) + number, training.epochs * len(batches))
            if training.schedule == "one_cycle"
            else restarts(state.epoch)
        )
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * factor
        draws = draw(runs, table, batch, spectrogram, generator, partners=positions)
        image, labels = render(runs, draws, spectrogram), mixed_labels(runs, draws)
        with torch.autocast(runs.device.type, torch.bfloat16, enabled=training.precision == "bf16"):
            outputs = network(image, runs.context[batch])
        value = loss(outputs.float(), labels, recipes, training)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), training.clip_norm)
        optimiser.step()
        state.average.after_step(network)
        losses += value.detach() * len(batch)
    state.average.after_epoch(network, state.epoch)
    state.epoch += 1
    return float(losses) / len(positions)


def _optimiser(network: nn.Module, training: TrainingConfig) -> torch.optim.Optimizer:
    rate, decay = training.learning_rate, training.weight_decay
    if training.optimiser == "sgd":
        return torch.optim.SGD(
            network.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=decay
        )
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=True)


def _seed(seed: int, purpose: str, epoch: int = 0) -> int:
    entropy = [seed, epoch, *purpose.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _cuda_devices(runs: ResidentRuns) -> list[torch.device]:
    return [runs.device] if runs.device.type == "cuda" else []


def _made_for(
    model: NetworkConfig,
    spectrogram: SpectrogramConfig,
    training: TrainingConfig,
    runs: ResidentRuns,
    positions: Tensor,
    seed: int,
) -> dict[str, Any]:
    return {
        "model": model.model_dump_json(),
        "spectrogram": spectrogram.model_dump_json(),
        "training": training.model_dump_json(),
        "runs": [len(runs), runs.scan_total, float(runs.scans.double().sum())],
        "labels": runs.labels[positions].cpu().tolist(),
        "positions": positions.tolist(),
        "seed": seed,
    }
