"""The kernel of the Gaussian process: sums of weighted distances, and the calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from egams.arrays import Array, FloatArray, IntArray, namespace
from egams.logistic import sigmoid

NEARLY_THE_SAME = 1e-7
"""Of the largest squares: below it, a squared distance from products would be mostly rounding."""
AT_ONCE = 4_000_000
"""Numbers in an array that is needed for a moment: 32 MB."""
PULL = 1e-3
"""Of a calibration towards the one it starts from."""


class Kernel(NamedTuple):
    """Free numbers of the process, before they are made positive.

    Arrays of NumPy, or tensors of torch while they are fitted.

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

    weight: Array
    noise: Array
    slope: Array
    doubt: Array
    shift: Array

    @property
    def weights(self) -> Array:
        """Weights of the distances, above 0 ``[descriptor]``."""
        functions = namespace(self.weight)
        return functions.log1p(functions.exp(self.weight))

    def logits(self, mean: Array, variance: Array) -> Array:
        """Logits ``[run, family]`` of mean ``[run, family]`` and variance ``[run, 1]``."""
        functions = namespace(mean)
        spread = functions.sqrt(1 + functions.exp(self.doubt) * variance)
        return functions.exp(self.slope) * mean / spread + self.shift


class Places(NamedTuple):
    """Runs in the space of one descriptor.

    Parameters
    ----------
    features
        ``[run, feature]``.
    squares
        Sums of their squares ``[run]``.
    """

    features: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, descriptor: NDArray[Any]) -> Self:
        """Of a descriptor in any precision ``[run, feature]``."""
        features = descriptor.astype(np.float64)
        return cls(features, np.einsum("rf,rf->r", features, features))

    def at(self, rows: slice | IntArray) -> Places:
        """Some of the runs."""
        return Places(self.features[rows], self.squares[rows])


def distances(places: Places, others: Places) -> FloatArray:
    """Euclidean distances ``[run, other]``, from one product of matrices.

    Near copies are subtracted instead: of their distance the product would leave only rounding.
    """
    if not places.features.shape[1]:
        return np.zeros((len(places.features), len(others.features)))
    apart = places.features @ others.features.T
    apart *= -2
    apart += places.squares[:, None]
    apart += others.squares
    largest = places.squares.max(initial=0) + others.squares.max(initial=0)
    near, other = np.nonzero(apart < NEARLY_THE_SAME * largest)
    step = max(1, AT_ONCE // places.features.shape[1])
    for pairs in (slice(start, start + step) for start in range(0, len(near), step)):
        rows, columns = near[pairs], other[pairs]
        between = places.features[rows] - others.features[columns]
        apart[rows, columns] = np.einsum("pf,pf->p", between, between)
    return np.sqrt(apart, out=apart)


def joined(
    places: Sequence[Places], others: Sequence[Places], weights: Sequence[float]
) -> FloatArray:
    """Sum of weighted distances ``[run, other]`` over the descriptors.

    Parameters
    ----------
    places, others
        Of each descriptor.
    weights
        ``[descriptor]``.
    """
    total = np.zeros((len(places[0].features), len(others[0].features)))
    for one, other, weight in zip(places, others, weights, strict=True):
        apart = distances(one, other)
        apart *= weight
        total += apart
    return total


def recalibrated(
    kernel: Kernel, mean: FloatArray, variance: FloatArray, labels: FloatArray
) -> Kernel:
    """Fit slope, doubt and shift anew, on means and variances of runs that others predict.

    Parameters
    ----------
    kernel
        Where they start from, and are pulled to.
    mean, variance
        ``[run, family]``, ``[run, 1]``.
    labels
        0 or 1 ``[run, family]``.
    """
    from scipy.optimize import minimize

    start = np.stack([kernel.slope, kernel.doubt, kernel.shift])

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        slope, doubt, shift = flat.reshape(start.shape)
        spread = np.sqrt(1 + np.exp(doubt) * variance)
        rise = np.exp(slope) * mean / spread
        logits = rise + shift
        wrong = (sigmoid(logits) - labels) / labels.size
        by_doubt = -0.5 * rise * np.exp(doubt) * variance / spread**2
        gradient = np.stack([(wrong * rise).sum(0), (wrong * by_doubt).sum(0), wrong.sum(0)])
        away = flat - start.ravel()
        value = np.mean(np.logaddexp(0, logits) - labels * logits) + PULL * (away @ away)
        return float(value), gradient.ravel() + 2 * PULL * away

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B").x.reshape(start.shape)
    return kernel._replace(slope=found[0], doubt=found[1], shift=found[2])
