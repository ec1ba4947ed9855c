"""A Gaussian process on compressed runs, small enough for an instrument's computer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from egams.models.neighbours import NeighboursConfig
from egams.onboard.describe import SHAPES, SIZES
from egams.training.kernel_fit import fit_kernel, starting_kernel

RANKS = (64, 32, 32, *[12] * SIZES.count(SHAPES))
"""Components kept of each descriptor: few enough to fit, and what is left out was mostly noise."""
BASIS = 32
"""Eigenvectors kept for the variance."""
FIT = NeighboursConfig()
FIRST_WEIGHTS = 0.2
"""Sum of the kernel's weights when its fit starts."""
SMALLEST_SQUARE = 1e-6
LARGEST_INT8 = 127


def to_int8_grid(weight: Tensor) -> Tensor:
    """Round ``[input, output]`` to 255 equal steps for each output, symmetric about 0.

    Quantising such weights later changes nothing.
    """
    largest = weight.abs().amax(0, keepdim=True)
    step = largest.clamp_min(torch.finfo(weight.dtype).tiny) / LARGEST_INT8
    return (weight / step).round() * step


class Compressed(nn.Module):
    """One descriptor of a run, projected, and how far that is from each landmark.

    Parameters
    ----------
    descriptor
        Of the training runs, which become the landmarks ``[landmark, feature]``.
    rank
        Principal components that are kept.
    """

    centre: Tensor
    directions: Tensor
    landmarks: Tensor
    squares: Tensor

    def __init__(self, descriptor: Tensor, rank: int) -> None:
        super().__init__()
        centre = descriptor.mean(0)
        rank = min(rank, *descriptor.shape)
        _, _, components = torch.linalg.svd((descriptor - centre).double(), full_matrices=False)
        directions = to_int8_grid(components[:rank].T.float())
        landmarks = to_int8_grid(((descriptor - centre) @ directions).T)
        self.register_buffer("centre", centre)
        self.register_buffer("directions", directions)
        self.register_buffer("landmarks", landmarks)
        self.register_buffer("squares", landmarks.square().sum(0))

    def forward(self, descriptor: Tensor) -> Tensor:
        """Euclidean distances ``[run, landmark]`` from ``[run, feature]``."""
        place = (descriptor - self.centre) @ self.directions
        square = (place * place).sum(1, keepdim=True) + self.squares
        return (square - 2 * (place @ self.landmarks)).clamp_min(SMALLEST_SQUARE).sqrt()


class KernelMachine(nn.Module):
    """Logits and variance of a Gaussian process, as `egams.models.neighbours` has it.

    The variance needs the inverse of the covariance, which is large. Its leading eigenvectors are
    kept; one number stands for the eigenvalues of all others.

    Parameters
    ----------
    weights
        Of the distance in each descriptor ``[descriptor]``.
    coefficients
        ``[landmark, family]``.
    prior, slope, doubt, shift
        ``[family]``: see `egams.models.kernel.Kernel`.
    basis, gain
        Leading eigenvectors, scaled, and the inverse of the eigenvalues of all others.
    largest_variance
        Where nothing is known.
    """

    weights: Tensor
    coefficients: Tensor
    prior: Tensor
    slope: Tensor
    doubt: Tensor
    shift: Tensor
    basis: Tensor
    gain: Tensor
    largest_variance: Tensor

    def __init__(self, parts: Sequence[Compressed], numbers: dict[str, Tensor]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        for name, value in numbers.items():
            self.register_buffer(name, value.float())

    def forward(self, descriptors: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits ``[run, family]`` and variance ``[run, 1]``, 0 to about 1."""
        pairs = zip(self.parts, descriptors, strict=True)
        apart = [part(descriptor) * self.weights[i] for i, (part, descriptor) in enumerate(pairs)]
        shared = torch.exp(-torch.stack(apart).sum(0))
        mean = shared @ self.coefficients + self.prior
        leading = shared @ self.basis
        explained = self.gain * (shared * shared).sum(1, keepdim=True) - (leading * leading).sum(
            1, keepdim=True
        )
        variance = (self.largest_variance - explained).clamp_min(0.0)
        return self.slope * mean / torch.sqrt(1 + self.doubt * variance) + self.shift, variance


def fit_kernel_machine(
    descriptors: Sequence[Tensor], labels: Tensor
) -> tuple[KernelMachine, Tensor, Tensor]:
    """Fit on described training runs, as `egams.training.neighbours` does; nothing is random.

    Parameters
    ----------
    descriptors
        ``[run, feature]`` each.
    labels
        ``[run, family]``.

    Returns
    -------
    KernelMachine
        For runs that were not trained on.
    Tensor, Tensor
        Logits ``[run, family]`` and variance ``[run, 1]`` of the training runs, each from the
        others alone.
    """
    parts = [
        Compressed(descriptor, rank) for descriptor, rank in zip(descriptors, RANKS, strict=True)
    ]
    apart = torch.stack([_between_landmarks(part) for part in parts])
    weight = torch.tensor(FIRST_WEIGHTS / len(parts), dtype=torch.float64).expm1().log()
    start = starting_kernel(weight.repeat(len(parts)))
    fit = fit_kernel(apart, labels.double(), start, FIT)
    with torch.no_grad():
        kernel, noise = fit.kernel, fit.kernel.noise.exp()
        numbers = {
            "weights": kernel.weights / fit.scale,
            "coefficients": fit.coefficients,
            "prior": fit.prior,
            "slope": kernel.slope.exp(),
            "doubt": kernel.doubt.exp(),
            "shift": kernel.shift,
            "largest_variance": 1 + noise,
        } | _compressed_inverse(fit.covariance, noise, BASIS)
    return KernelMachine(parts, numbers), fit.logits.float(), fit.variance.float()


def _between_landmarks(part: Compressed) -> Tensor:
    places = part.landmarks.T.double()
    apart = torch.cdist(places, places)
    return apart.square().clamp_min(SMALLEST_SQUARE).sqrt().fill_diagonal_(0.0)


def _compressed_inverse(covariance: Tensor, noise: Tensor, kept: int) -> dict[str, Tensor]:
    """Split the inverse into one gain for all directions, less what the leading ones lack.

    k' (K + s)^-1 k = g |k|^2 - |B' k|^2, with B the leading eigenvectors times the root of
    g - 1 / (l + s). All other eigenvalues l are taken for their mean, weighted by l^2: how much
    of them rows of K hold.
    """
    values, vectors = torch.linalg.eigh(covariance)
    others = values[: max(len(values) - kept, 1)].clamp_min(0)
    typical = others.pow(3).sum() / others.square().sum().clamp_min(torch.finfo(others.dtype).tiny)
    gain = 1 / (typical + noise)
    lack = (gain - 1 / (values[-kept:] + noise)).clamp_min(0)
    return {"gain": gain, "basis": vectors[:, -kept:] * lack.sqrt()}
