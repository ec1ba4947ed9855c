"""Fit of the Gaussian process: the kernel that best foretells each training run from the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egams.arrays import IntArray, to_numpy
from egams.experiments.experiment import Experiment
from egams.models.neighbours import Kernel, Neighbours, NeighboursConfig, distances, evidence
from egams.models.predictor import EvidenceAlone, Features, Predictor, WithEvidence
from egams.spectrogram.descriptors import DESCRIPTORS, run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.training.controls import Controls, Progress


def train_neighbours(
    experiment: Experiment, runs: ResidentRuns, positions: IntArray, _seed: int, controls: Controls
) -> Predictor:
    """Fit the model "neighbours" on some of the runs: see `egams.training.train.Trainer`."""
    settings = experiment.model
    assert isinstance(settings, NeighboursConfig)
    neighbours, _ = fit_neighbours(settings, runs, positions, progress=controls.progress)
    return WithEvidence(EvidenceAlone(), neighbours)


def fit_neighbours(
    config: NeighboursConfig,
    runs: ResidentRuns,
    positions: IntArray,
    *,
    progress: Progress | None = None,
) -> tuple[Neighbours, Features]:
    """Fit on some of the runs.

    Nothing is random.

    Parameters
    ----------
    positions
        Which of `runs`, all of them labelled ``[run]``.

    Returns
    -------
    Neighbours
        For runs that were not trained on.
    NDArray
        Evidence on the training runs, each from the others alone ``[run, family + 1]``.

    Source: Rasmussen & Williams 2006, sections 5.4.2 and 6.5.
    """
    found = (torch.from_numpy(each) for each in run_descriptors(runs, positions))
    descriptors = [descriptor.half().float() for descriptor in found]
    labels = torch.from_numpy(to_numpy(runs.labels)[positions]).double()
    fit = fit_kernel(
        distances(descriptors, descriptors), labels, Kernel.initial(), config, progress=progress
    )
    described = zip(DESCRIPTORS, descriptors, strict=True)
    state = {f"descriptor_{name}": descriptor.half() for name, descriptor in described}
    state |= {"scale": fit.scale, "prior": fit.prior, "coefficients": fit.coefficients}
    state |= {"inverse": fit.inverse.float()}
    state |= {f"kernel_{name}": value.detach() for name, value in fit.kernel._asdict().items()}
    return Neighbours(state), to_numpy(evidence(fit.logits, fit.variance))


@dataclass(frozen=True)
class KernelFit:
    """A fitted Gaussian process.

    Parameters
    ----------
    kernel
        As fitted.
    scale
        Mean distance in each descriptor, which distances are divided by ``[descriptor]``.
    prior
        Mean of the labels, -1 or 1 ``[family]``.
    covariance, inverse
        Of the training runs, and the inverse of it with noise ``[run, run]``.
    coefficients
        ``[run, family]``.
    logits, variance
        Of the training runs, each from the others alone ``[run, family]``, ``[run, 1]``.
    """

    kernel: Kernel
    scale: Tensor
    prior: Tensor
    covariance: Tensor
    inverse: Tensor
    coefficients: Tensor
    logits: Tensor
    variance: Tensor


def fit_kernel(
    apart: Tensor,
    labels: Tensor,
    start: Kernel,
    config: NeighboursConfig,
    *,
    progress: Progress | None = None,
) -> KernelFit:
    """Minimise the log loss of leave-one-out predictions, in closed form from one inverse.

    Parameters
    ----------
    apart
        Distances between training runs in each descriptor ``[descriptor, run, run]``.
    labels
        ``[run, family]``, float64.
    start
        Kernel that the fit starts from.
    """
    scale = apart.mean((1, 2)).clamp_min(torch.finfo(torch.float32).eps)
    apart = apart / scale[:, None, None]
    prior = (2 * labels - 1).mean(0)
    target = 2 * labels - 1 - prior
    unit = torch.eye(len(labels)).to(labels)
    first = {name: value.to(labels.device) for name, value in start._asdict().items()}
    free = {name: value.clone().requires_grad_() for name, value in first.items()}
    kernel = Kernel(**free)

    def fit() -> KernelFit:
        covariance = torch.exp(-kernel.joined(apart))
        inverse = torch.linalg.inv(covariance + kernel.noise.exp() * unit)
        coefficients = inverse @ target
        precision = inverse.diagonal()[:, None]
        logits = kernel.logits(target - coefficients / precision + prior, 1 / precision)
        return KernelFit(
            kernel, scale, prior, covariance, inverse, coefficients, logits, 1 / precision
        )

    optimiser = torch.optim.Adam(list(free.values()), config.learning_rate)
    for step in range(config.steps):
        loss = functional.binary_cross_entropy_with_logits(fit().logits, labels)
        pulled = sum(
            ((free[name] - first[name]) ** 2).sum() for name in ("slope", "doubt", "shift")
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss + config.caution * pulled)
        optimiser.step()
        if progress is not None:
            progress(step + 1, config.steps, float(loss.detach()))
    with torch.no_grad():
        return fit()
