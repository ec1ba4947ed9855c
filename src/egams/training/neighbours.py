"""Fit of the Gaussian process: the kernel that best foretells each training run from the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egams.experiments.experiment import Experiment
from egams.models.evidence import EvidenceAlone, WithEvidence
from egams.models.neighbours import Kernel, Neighbours, NeighboursConfig, distances, evidence
from egams.models.predictor import Predictor
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.training.controls import Controls, Progress


def train_neighbours(
    experiment: Experiment, runs: ResidentRuns, positions: Tensor, _seed: int, controls: Controls
) -> Predictor:
    """Fit the model "neighbours" on some of the runs: see `egams.training.train.Trainer`."""
    settings = experiment.model
    assert isinstance(settings, NeighboursConfig)
    neighbours, _ = fit_neighbours(settings, runs, positions, progress=controls.progress)
    return WithEvidence(EvidenceAlone(), neighbours)


def fit_neighbours(
    config: NeighboursConfig,
    runs: ResidentRuns,
    positions: Tensor,
    *,
    progress: Progress | None = None,
) -> tuple[Neighbours, Tensor]:
    """Fit on some of the runs.

    Minimises the log loss of leave-one-out predictions, which are had in closed form from one
    inverse. Nothing is random.

    Parameters
    ----------
    positions
        Which of `runs`, all of them labelled ``[run]``.

    Returns
    -------
    Neighbours
        For runs that were not trained on.
    Tensor
        Evidence on the training runs, each from the others alone ``[run, family + 1]``.

    Source: Rasmussen & Williams 2006, sections 5.4.2 and 6.5.
    """
    descriptors = [descriptor.half().float() for descriptor in run_descriptors(runs, positions)]
    labels = runs.labels[positions].double()
    apart = distances(descriptors, descriptors)
    scale = apart.mean((1, 2)).clamp_min(torch.finfo(torch.float32).eps)
    apart = apart / scale[:, None, None]
    signs = 2 * labels - 1
    prior = signs.mean(0)
    target = signs - prior
    kernel = Kernel(
        **{
            name: value.to(labels.device).requires_grad_()
            for name, value in Kernel.initial().tensors().items()
        }
    )
    start = Kernel.initial().tensors()
    unit = torch.eye(len(labels), dtype=labels.dtype, device=labels.device)

    def left_out() -> tuple[Tensor, Tensor, Tensor, Tensor]:
        inverse = torch.linalg.inv(kernel.covariance(apart) + kernel.noise.exp() * unit)
        coefficients = inverse @ target
        precision = inverse.diagonal()[:, None]
        return inverse, coefficients, target - coefficients / precision + prior, 1 / precision

    optimiser = torch.optim.Adam(list(kernel.tensors().values()), config.learning_rate)
    for step in range(config.steps):
        _, _, mean, variance = left_out()
        loss = functional.binary_cross_entropy_with_logits(kernel.logits(mean, variance), labels)
        calibration = (kernel.slope, kernel.doubt, kernel.shift)
        pulled = sum(
            ((value - start[name].to(value)) ** 2).sum()
            for name, value in zip(("slope", "doubt", "shift"), calibration, strict=True)
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss + config.caution * pulled)
        optimiser.step()
        if progress is not None:
            progress(step + 1, config.steps, float(loss.detach()))
    with torch.no_grad():
        inverse, coefficients, mean, variance = left_out()
        on_training = evidence(kernel.logits(mean, variance), variance)
    return Neighbours(descriptors, scale, prior, coefficients, inverse, kernel), on_training
