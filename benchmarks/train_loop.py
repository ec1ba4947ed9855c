"""Runs a second in training of resnet34, beside the published pattern with the same batch.

    python benchmarks/train_loop.py [--batch 8] [--threads 2] [--device cpu]

The reference is a timm model in a plain loop, fed by a `DataLoader` whose workers draw one
spectrogram at a time in NumPy, with the number of workers that suits it best here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from egams.experiments.experiment import Experiment
from egams.experiments.training_config import Precision
from egams.experiments.zoo import experiments_named
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.draw import windows
from egams.spectrogram.resident import ResidentRuns
from egams.training.network.batches import batches

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from measure import epoch_seconds, seconds, simulated
from reference_spectrogram import choose, spectrogram

TARGET, DRAWING_TARGET = 1.3, 0.02
RUNS, ROUNDS = 64, 3
EXPERIMENT = "160_cls3_resnet34"
LEARNING_RATE, CLIP_NORM = 1e-4, 64.0


class OneAtATime(Dataset[tuple[Tensor, Tensor]]):
    """Spectrogram and coordinates of a run, drawn in NumPy."""

    def __init__(self, runs: list[PreparedRun]) -> None:
        self.runs = runs
        temperature, mz = np.meshgrid(np.arange(80) / 80, np.arange(100) / 100)
        self.coordinates = np.stack([temperature, mz]).astype(np.float32)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        run = self.runs[number]
        rng = np.random.default_rng()
        drawn = spectrogram(run, choose(run, rng, mz_sigma=1.0), unit_range=False)
        image = np.concatenate([drawn[None].astype(np.float32), self.coordinates])
        return torch.from_numpy(image), torch.from_numpy(np.asarray(run.labels, np.float32))


def network(device: str) -> nn.Module:
    """Make the network that both train."""
    torch.manual_seed(0)
    return timm.create_model("resnet34", in_chans=3, num_classes=10).to(device).train()


def reference(runs: list[PreparedRun], batch: int, workers: int, device: str) -> Callable[[], None]:
    """One epoch of the published pattern."""
    model = network(device)
    optimiser = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    loader = DataLoader(
        OneAtATime(runs), batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )

    def epoch() -> None:
        for image, labels in loader:
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                logits = model(image.to(device))
            target = labels.to(device) / 1.002 + 0.001
            loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), target)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimiser.step()

    return epoch


def seconds_of_drawing(experiment: Experiment, runs: ResidentRuns, batch: int) -> float:
    """Seconds that the spectrograms of an epoch take."""
    table = windows(runs, experiment.spectrogram)
    generator = np.random.default_rng(0)
    order = np.arange(len(runs))

    def epoch() -> None:
        for drawn in batches(runs, table, order, experiment.spectrogram, generator, batch):
            drawn.spectrogram.sum().item()

    return min(seconds(epoch) for _ in range(5))


def main() -> None:
    """Print our rates, the reference's, their ratios and the targets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch, device = arguments.batch, arguments.device
    prepared = simulated(RUNS)
    runs = ResidentRuns.load(prepared).to(device)
    (experiment,) = experiments_named([EXPERIMENT])

    loops = {workers: reference(prepared, batch, workers, device) for workers in (0, 1, 2)}
    for epoch in loops.values():
        epoch()
    theirs: dict[int, list[float]] = {workers: [] for workers in loops}
    ours: dict[Precision, list[float]] = {"fp32": [], "auto": []}
    for _ in range(ROUNDS):
        for workers, epoch in loops.items():
            theirs[workers].append(seconds(epoch))
        for precision in ours:
            ours[precision] += epoch_seconds(
                experiment, runs, 1, batch_size=batch, precision=precision
            )
    workers, slow = min(((w, median(times)) for w, times in theirs.items()), key=lambda e: e[1])
    drawing = seconds_of_drawing(experiment, runs, batch)
    print(
        f"resnet34, batch {batch}, {arguments.threads} threads, {device}: reference "
        f"{RUNS / slow:.1f} runs/s (its best: {workers} workers)"
    )
    for precision, times in ours.items():
        fast = median(times)
        print(
            f"  ours, {precision}: {RUNS / fast:.1f} runs/s, ratio {slow / fast:.2f} "
            f"(to reach {TARGET}); spectrograms {drawing / fast:.1%} of a step "
            f"(to stay under {DRAWING_TARGET:.0%})"
        )


if __name__ == "__main__":
    main()
