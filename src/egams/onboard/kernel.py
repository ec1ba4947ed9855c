"""A Gaussian process on compressed runs, small enough for an instrument's computer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from egams.models.kernel import Kernel, Places, joined, recalibrated
from egams.models.neighbours import NeighboursConfig
from egams.training.kernel_fit import distances, fit_kernel, starting_kernel
from egams.training.neighbours import representative, solved

FIT = NeighboursConfig(steps=10)
FITTED_ON = 600
"""Training runs, at most, that the few numbers of a kernel are fitted on."""
FIRST_WEIGHTS = torch.tensor([-1.6, -1.2, -1.3, -0.6])
FIRST_NOISE = torch.tensor(-3.9, dtype=torch.float64)
"""About where fits end, so that few steps suffice."""
SMALLEST_SQUARE = 1e-6
LARGEST_INT8, LARGEST_INT16 = 127, 32_767


def to_grid(weight: Tensor, along: int = 0, largest: int = LARGEST_INT8) -> Tensor:
    """Round to equal steps, symmetric about 0, with a step for each index of the other axis.

    Writing such weights as whole numbers changes nothing.

    Parameters
    ----------
    weight
        ``[input, output]``.
    along
        Axis that shares a step: 0, so that each output has its own, or 1, for each input.
    largest
        Whole number that the largest weight becomes.
    """
    step = step_of(weight, along, largest)
    return (weight / step).round() * step


def step_of(weight: Tensor, along: int, largest: int) -> Tensor:
    """Size of the steps of `to_grid` ``[1, output]`` or ``[input, 1]``."""
    most = weight.abs().amax(along, keepdim=True)
    return most.clamp_min(torch.finfo(weight.dtype).tiny) / largest


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
        directions = to_grid(components[:rank].T.float())
        landmarks = to_grid(((descriptor - centre) @ directions).T, 1)
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
    """Logits of a Gaussian process, as `egams.models.neighbours` has it, and likeness.

    Instead of the variance, which needs the inverse of the covariance, it has the likeness of the
    nearest training run: exp of minus its joined distance.

    Parameters
    ----------
    weights
        Of the distance in each descriptor ``[descriptor]``.
    coefficients
        ``[landmark, family]``.
    prior, slope, doubt, shift
        ``[family]``: see `egams.models.kernel.Kernel`; slope and doubt are made positive.
    """

    weights: Tensor
    coefficients: Tensor
    prior: Tensor
    slope: Tensor
    doubt: Tensor
    shift: Tensor

    def __init__(self, parts: Sequence[Compressed], numbers: dict[str, Tensor]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        for name, value in numbers.items():
            self.register_buffer(name, value.float())

    def forward(self, descriptors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits ``[run, family]`` and likeness ``[run, 1]``, 0 to 1."""
        pairs = zip(self.parts, descriptors, strict=True)
        apart = [part(descriptor) * self.weights[i] for i, (part, descriptor) in enumerate(pairs)]
        shared = torch.exp(-torch.stack(apart).sum(0))
        mean = shared @ self.coefficients + self.prior
        likeness = shared.amax(1, keepdim=True)
        spread = torch.sqrt(1 + self.doubt * (1 - likeness))
        return self.slope * mean / spread + self.shift, likeness


def fit_kernel_machine(
    descriptors: Sequence[Tensor], labels: Tensor, ranks: Sequence[int]
) -> tuple[KernelMachine, Tensor, Tensor]:
    """Fit on described training runs, as `egams.training.neighbours` does; nothing is random.

    Parameters
    ----------
    descriptors
        ``[run, feature]`` each.
    labels
        ``[run, family]``.
    ranks
        Principal components kept of each descriptor.

    Returns
    -------
    KernelMachine
        For runs that were not trained on.
    Tensor, Tensor
        Logits ``[run, family]`` and likeness ``[run, 1]`` of the training runs, each from the
        others alone.
    """
    parts = [Compressed(each, rank) for each, rank in zip(descriptors, ranks, strict=True)]
    places = [part.landmarks.T.double().numpy() for part in parts]
    chosen = representative(places, labels.numpy(), min(len(labels), FITTED_ON))
    apart = distances([torch.from_numpy(each[chosen]) for each in places])
    start = starting_kernel(FIRST_WEIGHTS)._replace(noise=FIRST_NOISE)
    fit = fit_kernel(apart, labels[chosen].double(), start, FIT)
    weights = (fit.kernel.weights / fit.scale).numpy()
    known, noise = labels.double().numpy(), float(fit.kernel.noise.exp())
    prior = (2 * known - 1).mean(0)
    coefficients, inverse = solved(places, weights.tolist(), noise, 2 * known - 1 - prior)
    mean = 2 * known - 1 - coefficients / inverse.diagonal()[:, None]
    of_all = [Places.of(each) for each in places]
    among = joined(of_all, of_all, weights.tolist())
    np.fill_diagonal(among, np.inf)
    likeness = np.exp(-among.min(1, keepdims=True))
    started = Kernel(*(each.numpy() for each in fit.kernel))
    kernel = recalibrated(started, mean, 1 - likeness, known)
    numbers = {
        "weights": weights,
        "prior": prior,
        "slope": np.exp(kernel.slope),
        "doubt": np.exp(kernel.doubt),
        "shift": kernel.shift,
    }
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in numbers.items()}
    # Of a thousand products that nearly cancel: in int8 they would be too coarse.
    tensors["coefficients"] = to_grid(torch.from_numpy(coefficients), largest=LARGEST_INT16)
    logits = torch.from_numpy(kernel.logits(mean, 1 - likeness)).float()
    return KernelMachine(parts, tensors), logits, torch.from_numpy(likeness).float()
