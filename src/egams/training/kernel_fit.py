"""`fit_kernel`: the kernel that best predicts each training run from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egams.families import FAMILIES
from egams.models.kernel import Kernel
from egams.models.neighbours import NeighboursConfig
from egams.spectrogram.descriptors import DESCRIPTORS
from egams.training.controls import Progress

CALIBRATION = ("slope", "doubt", "shift")


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


def starting_kernel(weight: Tensor | None = None) -> Kernel:
    """Where the fit starts; nothing here is random.

    Parameters
    ----------
    weight
        Of each descriptor, before it is made positive ``[descriptor]``; None for the usual ones.
    """
    families = len(FAMILIES)
    if weight is None:
        weight = torch.full((len(DESCRIPTORS),), -3.0)
    return Kernel(
        weight=weight.double(),
        noise=torch.tensor(-2.0, dtype=torch.float64),
        slope=torch.full((families,), 1.5, dtype=torch.float64),
        doubt=torch.zeros(families, dtype=torch.float64),
        shift=torch.zeros(families, dtype=torch.float64),
    )


def distances(descriptors: Sequence[Tensor]) -> Tensor:
    """Euclidean distances between runs in each descriptor ``[descriptor, run, run]``."""
    doubled = [each.double() for each in descriptors]
    return torch.stack([torch.cdist(each, each) for each in doubled])


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
    config
        Of the fit.
    progress
        Called after each step.
    """
    scale = apart.mean((1, 2)).clamp_min(torch.finfo(torch.float32).eps)
    apart = apart / scale[:, None, None]
    prior = (2 * labels - 1).mean(0)
    target = 2 * labels - 1 - prior
    unit = torch.eye(len(labels)).to(labels)

    def fit(kernel: Kernel) -> KernelFit:
        covariance = torch.exp(-torch.einsum("v,vab->ab", kernel.weights, apart))
        inverse = torch.linalg.inv(covariance + kernel.noise.exp() * unit)
        coefficients = inverse @ target
        precision = inverse.diagonal()[:, None]
        logits = kernel.logits(target - coefficients / precision + prior, 1 / precision)
        return KernelFit(
            kernel, scale, prior, covariance, inverse, coefficients, logits, 1 / precision
        )

    def logits(kernel: Kernel) -> Tensor:
        return fit(kernel).logits

    fitted = _minimise(logits, labels, start, Kernel._fields, config, progress)
    with torch.no_grad():
        return fit(fitted)


def calibrate(
    kernel: Kernel, mean: Tensor, variance: Tensor, labels: Tensor, config: NeighboursConfig
) -> Kernel:
    """Fit slope, doubt and shift alone, on leave-one-out predictions.

    Parameters
    ----------
    kernel
        Whose other numbers stay.
    mean, variance
        ``[run, family]``, ``[run, 1]``.
    labels
        ``[run, family]``, float64.
    config
        Of the fit.
    """
    start = kernel._replace(**{name: getattr(starting_kernel(), name) for name in CALIBRATION})

    def logits(kernel: Kernel) -> Tensor:
        found: Tensor = kernel.logits(mean, variance)
        return found

    return _minimise(logits, labels, start, CALIBRATION, config, None)


def _minimise(
    logits: Callable[[Kernel], Tensor],
    labels: Tensor,
    start: Kernel,
    names: Sequence[str],
    config: NeighboursConfig,
    progress: Progress | None,
) -> Kernel:
    """Fit some of the numbers of a kernel: log loss, and the pull on the calibration."""
    first = {name: value.to(labels.device) for name, value in start._asdict().items()}
    free = {name: first[name].clone().requires_grad_() for name in names}
    kernel = Kernel(**(first | free))
    optimiser = torch.optim.Adam(list(free.values()), config.learning_rate)
    for step in range(config.steps):
        loss = functional.binary_cross_entropy_with_logits(logits(kernel), labels)
        pulled = sum(((free[name] - first[name]) ** 2).sum() for name in CALIBRATION)
        optimiser.zero_grad()
        torch.autograd.backward(loss + config.caution * pulled)
        optimiser.step()
        if progress is not None:
            progress(step + 1, config.steps, float(loss.detach()))
    return Kernel(*(value.detach() for value in kernel))
