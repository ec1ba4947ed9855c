"""Fit of the Gaussian process: whole for few runs, and what grows with them kept small for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray, to_numpy
from egams.models.kernel import AT_ONCE, Kernel, Places, joined
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.predictor import Features
from egams.models.process import Process, evidence
from egams.spectrogram.coarse import coarse_runs, packed, unpacked
from egams.spectrogram.descriptors import DESCRIPTORS, Descriptor, descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.training.controls import Progress
from egams.training.kernel_fit import calibrate, distances, fit_kernel, starting_kernel

COMPONENTS = (64, 32, 64, 32)
"""Principal components kept of each descriptor where runs are many: the rest is mostly noise."""


@dataclass(frozen=True)
class Limits:
    """Numbers of training runs up to which something is done: see `fit_described`.

    Parameters
    ----------
    kernel
        The kernel is fitted on all.
    inverse
        The inverse of the covariance is kept.
    whole
        The process knows all training runs, by one Cholesky decomposition.
    nearest
        Training runs in a local process.
    """

    kernel: int = 1_500
    inverse: int = 3_000
    whole: int = 10_000
    nearest: int = 300


LIMITS = Limits()


def fit_neighbours(
    config: NeighboursConfig,
    runs: ResidentRuns,
    positions: IntArray,
    *,
    progress: Progress | None = None,
) -> tuple[Neighbours, Features]:
    """Fit on some of the runs, see `fit_described`.

    Parameters
    ----------
    config
        Of the fit.
    runs
        Prepared runs.
    positions
        Which of `runs`, all of them labelled ``[run]``.
    progress
        Called after each step of the fit of the kernel.
    """
    labels = to_numpy(runs.labels)[positions]
    lowest, excess = packed(coarse_runs(runs, positions))
    coarse = unpacked(lowest, excess)
    whole, found = fit_described(config, descriptors(coarse), labels, progress=progress)
    if "inverse" not in whole.state:
        return whole, found
    kept: dict[str, NDArray[Any]] = {
        "lowest": lowest,
        "excess": excess,
        "labels": labels.astype(np.uint8),
    }
    neighbours = Neighbours(dict(whole.state) | kept)
    return neighbours, neighbours.evidence(coarse, np.arange(len(labels)))


def fit_described(
    config: NeighboursConfig,
    described: Sequence[Descriptor],
    labels: NDArray[Any],
    limits: Limits = LIMITS,
    *,
    progress: Progress | None = None,
) -> tuple[Neighbours, Features]:
    """Fit on described runs; nothing is random.

    Up to 1,500 runs the process is exact. Of more, 1,500 of all sets of labels serve to fit the
    kernel and the principal components of the descriptors; then the process knows all runs up to
    10,000, and beyond the 300 nearest to each run. The calibration is fitted on all.

    Parameters
    ----------
    config
        Of the fit.
    described
        By `egams.spectrogram.descriptors.descriptors`.
    labels
        0 or 1 ``[run, family]``.
    limits
        Other numbers than 1,500, 10,000 and 300.
    progress
        Called after each step of the fit of the kernel.

    Returns
    -------
    Neighbours
        For runs that were not trained on.
    NDArray
        Evidence on the training runs, each from the others alone ``[run, family + 1]``.

    Source: Rasmussen & Williams 2006, sections 5.4.2 and 6.5.
    """
    if len(labels) > limits.kernel:
        return _fit_many(config, described, labels, limits, progress)
    half = [each.astype(np.float16) for each in described]
    apart = distances([torch.from_numpy(each).float() for each in half])
    labelled = torch.from_numpy(labels).double()
    fit = fit_kernel(apart, labelled, starting_kernel(), config, progress=progress)
    state = {f"descriptor_{name}": each for name, each in zip(DESCRIPTORS, half, strict=True)}
    state |= {name: getattr(fit, name).numpy() for name in ("scale", "prior", "coefficients")}
    state |= {"inverse": fit.inverse.float().numpy()} | _kernel_state(fit.kernel)
    return Neighbours(state), evidence(fit.logits.numpy(), fit.variance.numpy())


def _fit_many(
    config: NeighboursConfig,
    described: Sequence[Descriptor],
    labels: NDArray[Any],
    limits: Limits,
    progress: Progress | None,
) -> tuple[Neighbours, Features]:
    chosen = representative(described, labels, limits.kernel)
    state: dict[str, NDArray[Any]] = {}
    for name, each, components in zip(DESCRIPTORS, described, COMPONENTS, strict=True):
        state |= _projected(name, each, chosen, components)
    known = [state[f"descriptor_{name}"] for name in DESCRIPTORS]
    apart = distances([torch.from_numpy(each[chosen]) for each in known])
    labelled = torch.from_numpy(labels).double()
    fit = fit_kernel(apart, labelled[chosen], starting_kernel(), config, progress=progress)
    signs = 2 * labels.astype(np.float64) - 1
    prior = signs.mean(0)
    targets = signs - prior
    state |= {"scale": fit.scale.numpy(), "prior": prior}
    if len(labels) > limits.inverse:
        state |= {"targets": targets, "nearest": np.array(limits.nearest)}
    if len(labels) > limits.whole:
        mean, variance = Process(state | _kernel_state(fit.kernel)).from_others()
    else:
        weights = (fit.kernel.weights / fit.scale).tolist()
        noise = float(fit.kernel.noise.exp())
        coefficients, inverse = solved(known, weights, noise, targets)
        variance = 1 / inverse.diagonal()[:, None]
        mean = signs - coefficients * variance
        state |= {"coefficients": coefficients}
        if len(labels) <= limits.inverse:
            whole = inverse + np.tril(inverse, -1).T
            state |= {"inverse": whole.astype(np.float32)}
    seen = torch.from_numpy(mean), torch.from_numpy(variance)
    kernel = calibrate(fit.kernel, *seen, labelled, config)
    logits = kernel.logits(*seen).numpy()
    return Neighbours(state | _kernel_state(kernel)), evidence(logits, variance)


def representative(described: Sequence[Descriptor], labels: NDArray[Any], count: int) -> IntArray:
    """Choose runs so that every set of labels has the share that it has of all, within one.

    Of runs with the same labels, every so many-th in the order of their mean feature. So the choice
    depends on which runs there are, not on their order, and so does the order of the chosen.

    Parameters
    ----------
    described
        ``[run, feature]`` each.
    labels
        0 or 1 ``[run, family]``.
    count
        How many, of more.
    """
    content = described[0].mean(1, dtype=np.float64)
    order = np.lexsort((content, *labels.T))
    return order[np.arange(count) * len(order) // count]


def solved(
    known: Sequence[NDArray[Any]], weights: Sequence[float], noise: float, targets: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coefficients ``[run, family]``, and the inverse of the covariance ``[run, run]``.

    By one Cholesky decomposition, all in the memory of one matrix: above its diagonal, the inverse
    is 0.

    Parameters
    ----------
    known
        Descriptors of the training runs ``[run, feature]`` each.
    weights
        Of the distances ``[descriptor]``.
    noise
        On the diagonal.
    targets
        ``[run, family]``.
    """
    from scipy.linalg import cho_solve, cholesky
    from scipy.linalg.lapack import dpotri

    places = [Places.of(each) for each in known]
    runs = len(targets)
    covariance = np.empty((runs, runs))
    step = max(1, AT_ONCE // runs)
    for rows in (slice(start, start + step) for start in range(0, runs, step)):
        covariance[rows] = joined([each.at(rows) for each in places], places, weights)
        np.exp(-covariance[rows], out=covariance[rows])
    covariance.flat[:: runs + 1] += noise
    # LAPACK has columns where NumPy has rows: transposed, it is worked on in place.
    factor = cholesky(covariance.T, lower=True, overwrite_a=True, check_finite=False)
    coefficients = cho_solve((factor, True), targets, check_finite=False)
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    return coefficients, inverse


def _projected(
    name: str, descriptor: Descriptor, chosen: IntArray, components: int
) -> Mapping[str, NDArray[Any]]:
    """Principal components of the chosen runs, and all runs projected on them."""
    of_chosen = descriptor[chosen].astype(np.float64)
    centre = of_chosen.mean(0)
    of_chosen -= centre
    _, _, principal = np.linalg.svd(of_chosen, full_matrices=False)
    kept = min(components, len(chosen) - 1)
    directions = principal[:kept].T.astype(np.float32)
    places = (descriptor - centre.astype(np.float32)) @ directions
    return {
        f"centre_{name}": centre.astype(np.float32),
        f"directions_{name}": directions,
        f"descriptor_{name}": places.astype(np.float16),
    }


def _kernel_state(kernel: Kernel) -> dict[str, NDArray[Any]]:
    return {f"kernel_{name}": value.numpy() for name, value in kernel._asdict().items()}
