"""`neighbours`: what the nearest training runs were labelled, as a Gaussian process weighs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from egams.arrays import Array
from egams.families import FAMILIES
from egams.models.network import ModelSettings
from egams.spectrogram.descriptors import DESCRIPTORS

EVIDENCE_FEATURES = len(FAMILIES) + 1
LOGIT_SCALE = 4.0
"""Brings logits to the order of one, as the other context features are."""


class NeighboursConfig(ModelSettings):
    """Settings of `Neighbours`.

    Parameters
    ----------
    steps, learning_rate
        Of the fit of the kernel (Adam).
    caution
        Pulls the calibration of each family towards a common one.
    """

    kind: Literal["neighbours"] = "neighbours"
    steps: int = Field(60, ge=1)
    learning_rate: float = Field(0.1, gt=0)
    caution: float = Field(1e-3, ge=0)


class Kernel(NamedTuple):
    """Free numbers of the process, before they are made positive.

    Parameters
    ----------
    weight
        How much a difference counts, in each descriptor ``[descriptor]``.
    noise
        Logarithm of the share of labels that nothing explains, relative to the kernel ``[]``.
    slope, doubt, shift
        Calibration of each family ``[family]``: logit = e^slope mean / sqrt(1 + e^doubt variance)
        + shift.
    """

    weight: Tensor
    noise: Tensor
    slope: Tensor
    doubt: Tensor
    shift: Tensor

    @classmethod
    def initial(cls, weight: Tensor | None = None) -> Kernel:
        """Where the fit starts; nothing here is random."""
        families = len(FAMILIES)
        if weight is None:
            weight = torch.full((len(DESCRIPTORS),), -3.0)
        return cls(
            weight=weight.double(),
            noise=torch.tensor(-2.0, dtype=torch.float64),
            slope=torch.full((families,), 1.5, dtype=torch.float64),
            doubt=torch.zeros(families, dtype=torch.float64),
            shift=torch.zeros(families, dtype=torch.float64),
        )

    def joined(self, distances: Tensor) -> Tensor:
        """Sum of weighted distances: ``[run, run]`` from ``[descriptor, run, run]``."""
        weights = functional.softplus(self.weight).to(distances)
        return torch.einsum("v,vab->ab", weights, distances)

    def logits(self, mean: Tensor, variance: Tensor) -> Tensor:
        """Logits ``[run, family]`` of mean ``[run, family]`` and variance ``[run, 1]``."""
        spread = torch.sqrt(1 + self.doubt.exp() * variance)
        return self.slope.exp() * mean / spread + self.shift


def distances(descriptors: list[Tensor], others: list[Tensor]) -> Tensor:
    """Euclidean distances in each descriptor ``[descriptor, run, other]``."""
    pairs = zip(descriptors, others, strict=True)
    return torch.stack([torch.cdist(a.double(), b.double()) for a, b in pairs])


class Neighbours(nn.Module):
    """Gaussian-process regression on labels, calibrated to probabilities.

    Source: Rasmussen & Williams 2006, section 6.5 (least-squares classification, with the sigmoid
    fitted on leave-one-out means), equations 2.25, 2.26 (prediction) and 5.12 (leave-one-out).

    Parameters
    ----------
    state
        Tensors by name. ``descriptor_NAME``: training runs, as
        `egams.spectrogram.descriptors.run_descriptors` gives them. ``scale``: mean distance of
        training runs in each descriptor ``[descriptor]``. ``prior``: mean of the labels, -1 or 1,
        over training runs ``[family]``. ``coefficients``: ``[training run, family]``.
        ``inverse``: of the covariance with noise ``[training run, training run]``.
        ``kernel_NAME``: what `Kernel` holds.
    """

    scale: Tensor
    prior: Tensor
    coefficients: Tensor
    inverse: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        descriptors = [f"descriptor_{name}" for name in DESCRIPTORS]
        kernel = [f"kernel_{name}" for name in Kernel._fields]
        for name in [*descriptors, "scale", "prior", "coefficients", "inverse", *kernel]:
            self.register_buffer(name, state[name])

    @property
    def kernel(self) -> Kernel:
        """The fitted kernel."""
        return Kernel(*(getattr(self, f"kernel_{name}") for name in Kernel._fields))

    def evidence(self, descriptors: list[Any], own: Any = None) -> Any:
        """See `forward`; of arrays."""
        tensors = [torch.from_numpy(each) for each in descriptors]
        return self(tensors, None if own is None else torch.from_numpy(own)).numpy()

    def away(self, descriptors: list[Any]) -> Any:
        """Joined distance of arrays of runs from every training run ``[run, training run]``."""
        return self._away([torch.from_numpy(each) for each in descriptors]).numpy()

    @torch.no_grad()
    def _away(self, descriptors: list[Tensor]) -> Tensor:
        training = [getattr(self, f"descriptor_{name}") for name in DESCRIPTORS]
        return self.kernel.joined(distances(descriptors, training) / self.scale[:, None, None])

    def among_themselves(self) -> Tensor:
        """Joined distance of each training run from the nearest other one ``[training run]``."""
        away = self._away([getattr(self, f"descriptor_{name}").float() for name in DESCRIPTORS])
        return away.fill_diagonal_(torch.inf).amin(1)

    @torch.no_grad()
    def forward(self, descriptors: list[Tensor], own: Tensor | None = None) -> Tensor:
        """Return evidence ``[run, family + 1]``: logits / 4, then the variance (1: unlike any).

        Parameters
        ----------
        descriptors
            As `egams.spectrogram.descriptors.run_descriptors` gives them.
        own
            Training run that each is a version of, and whose part in the evidence is left out
            ``[run]``; None where they are of other runs.

        Source: the inverse of the covariance without one row and column follows from the whole
        (Rasmussen & Williams 2006, section 5.4.2); what the run would add is taken away.
        """
        kernel, inverse = self.kernel, self.inverse.double()
        shared = torch.exp(-self._away(descriptors))
        mean = shared @ self.coefficients + self.prior
        explained = ((shared @ inverse) * shared).sum(1, keepdim=True)
        if own is not None:
            through_own = (shared * inverse[own]).sum(1, keepdim=True)
            precision = inverse.diagonal()[own][:, None]
            mean -= through_own * self.coefficients[own] / precision
            explained -= through_own**2 / precision
        variance = (1 + kernel.noise.exp() - explained).clamp_min(0)
        return evidence(kernel.logits(mean, variance), variance)


def evidence(logits: Tensor, variance: Tensor) -> Tensor:
    """Join logits and variance as context features ``[run, family + 1]``, float32."""
    return torch.cat([logits / LOGIT_SCALE, variance], 1).float()


def logits_of(context: Array) -> Array:
    """Logits ``[run, family]`` of a context that ends in evidence."""
    return context[:, -EVIDENCE_FEATURES:-1] * LOGIT_SCALE
