"""A Gaussian process on labels, solved for some training runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.families import FAMILIES
from egams.models.kernel import AT_ONCE, Kernel, Places, joined
from egams.models.neighbours_state import State, is_projected
from egams.spectrogram.descriptors import DESCRIPTORS, Descriptor

LOGIT_SCALE = 4.0
"""Brings logits to the order of one, as the other context features are."""


class Process:
    """Gaussian-process regression on labels, calibrated to probabilities.

    With the whole inverse of the covariance it is exact. Without, the variance is that of a process
    on the nearest training runs alone, and so is the mean where there are no coefficients.

    Source: Rasmussen & Williams 2006, section 6.5 (least-squares classification, with the sigmoid
    fitted on leave-one-out means), equations 2.25, 2.26 (prediction) and 5.12 (leave-one-out).

    Parameters
    ----------
    state
        Arrays by name.

        Always: ``descriptor_NAME``: training runs, as
        `egams.spectrogram.descriptors.run_descriptors` gives them, projected where there are
        directions ``[training run, feature]``. ``scale``: what the distances in each descriptor
        are divided by ``[descriptor]``. ``prior``: mean of the labels, -1 or 1, over training runs
        ``[family]``. ``kernel_NAME``: what `Kernel` holds.

        Where descriptors are projected: ``centre_NAME`` ``[feature]``, ``directions_NAME``
        ``[feature, component]``.

        Up to some thousands of training runs: ``coefficients`` ``[training run, family]``, and
        ``inverse`` of the covariance with noise ``[training run, training run]``.

        Beyond: ``targets``: labels, -1 or 1, less the prior ``[training run, family]``,
        ``nearest``: number of training runs that a local process takes ``[]``, and perhaps
        ``coefficients``.
    """

    def __init__(self, state: State) -> None:
        self.state = dict(state)
        self.kernel = Kernel(*(_float64(state[f"kernel_{name}"]) for name in Kernel._fields))
        self.prior = _float64(state["prior"])
        self._weights = (self.kernel.weights / _float64(state["scale"])).tolist()
        self._noise = float(np.exp(self.kernel.noise))
        self._known = [Places.of(state[f"descriptor_{name}"]) for name in DESCRIPTORS]
        projected = [name for name in DESCRIPTORS if is_projected(state, name)]
        self._centres = {name: _float64(state[f"centre_{name}"]) for name in projected}
        self._directions = {name: _float64(state[f"directions_{name}"]) for name in self._centres}
        self._inverse, self._coefficients, self._targets = (
            _float64(state[name]) if name in state else None
            for name in ("inverse", "coefficients", "targets")
        )
        self._nearest = int(state["nearest"]) if "nearest" in state else 0

    def __len__(self) -> int:
        return len(self._known[0].features)

    def away(self, described: Sequence[Descriptor]) -> FloatArray:
        """Joined distance of runs from every training run ``[run, training run]``."""
        return self._away(self._places(described))

    def nearest(
        self, described: Sequence[Descriptor], count: int, own: IntArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """Which training runs are nearest, and their joined distances, nearest first.

        Parameters
        ----------
        described
            By `egams.spectrogram.descriptors.descriptors`, under the mask of the process.
        count
            How many; fewer where there are fewer training runs.
        own
            Training run that each is, and that is not sought ``[run]``; None where they are others.

        Returns
        -------
        NDArray, NDArray
            ``[run, count]``.
        """
        found = []
        for places, rows in self._in_parts(self._places(described)):
            away = self._away(places)
            if own is not None:
                away[np.arange(len(away)), own[rows]] = np.inf
            found.append(_nearest(away, count))
        return np.concatenate([each for each, _ in found]), np.concatenate(
            [each for _, each in found]
        )

    def among_themselves(self) -> FloatArray:
        """Joined distance of each training run from the nearest other one ``[training run]``."""
        found = np.empty(len(self))
        for places, rows in self._in_parts(self._known):
            away = self._away(places)
            away[np.arange(len(away)), np.arange(len(self))[rows]] = np.inf
            found[rows] = away.min(1)
        return found

    def evidence(
        self, described: Sequence[Descriptor], own: IntArray | None = None
    ) -> NDArray[np.float32]:
        """Return evidence ``[run, family + 1]``: logits / 4, then the variance (1: unlike any).

        Parameters
        ----------
        described
            By `egams.spectrogram.descriptors.descriptors`, under the mask of the process.
        own
            Training run that each is a version of, and whose part in the evidence is left out
            ``[run]``; None where they are of other runs.

        Source: the inverse of the covariance without one row and column follows from the whole
        (Rasmussen & Williams 2006, section 5.4.2); what the run would add is taken away.
        """
        mean, variance = self._moments(self._places(described), own)
        return evidence(self.kernel.logits(mean, variance), variance)

    def evidence_of_none(self) -> NDArray[np.float32]:
        """Return base rates and the variance of a run that is far from all ``[1, family + 1]``."""
        logits = np.log1p(self.prior) - np.log1p(-self.prior)
        return evidence(logits[None], np.array([[1 + self._noise]]))

    def from_others(self) -> tuple[FloatArray, FloatArray]:
        """Mean of the labels, -1 or 1 ``[training run, family]``, and variance ``[.., 1]``.

        Of each training run, from the others alone.
        """
        return self._moments(self._known, np.arange(len(self)))

    def _moments(
        self, all_places: Sequence[Places], own: IntArray | None
    ) -> tuple[FloatArray, FloatArray]:
        means, variances = [], []
        for places, rows in self._in_parts(all_places):
            away, left_out = self._away(places), None if own is None else own[rows]
            if self._inverse is not None and self._coefficients is not None:
                mean, explained = _wholly(away, self._inverse, self._coefficients, left_out)
            else:
                mean, explained = self._locally(away, left_out)
            means.append(mean + self.prior)
            variances.append(np.maximum(1 + self._noise - explained, 0))
        return np.concatenate(means), np.concatenate(variances)

    def _locally(self, away: FloatArray, own: IntArray | None) -> tuple[FloatArray, FloatArray]:
        """Mean ``[run, family]`` and explained variance ``[run, 1]`` from the nearest."""
        assert self._targets is not None
        count = min(self._nearest, len(self) - (own is not None))
        if own is not None:
            away[np.arange(len(own)), own] = np.inf
        mean, explained = np.empty((len(away), len(FAMILIES))), np.empty((len(away), 1))
        for row, of_run in enumerate(away):
            near = np.sort(np.argpartition(of_run, count - 1)[:count])
            known = [each.at(near) for each in self._known]
            covariance = np.exp(-joined(known, known, self._weights))
            covariance.flat[:: count + 1] += self._noise
            shared = np.exp(-of_run[near])
            weights = np.linalg.solve(covariance, shared)
            mean[row], explained[row] = weights @ self._targets[near], weights @ shared
        if own is None and self._coefficients is not None:
            mean = np.exp(-away) @ self._coefficients
        return mean, explained

    def _places(self, described: Sequence[Descriptor]) -> list[Places]:
        """Where runs are among the training runs."""
        named = zip(DESCRIPTORS, described, strict=True)
        return [
            Places.of(
                (each - self._centres[name]) @ self._directions[name]
                if name in self._centres
                else each
            )
            for name, each in named
        ]

    def _away(self, places: Sequence[Places]) -> FloatArray:
        return joined(places, self._known, self._weights)

    def _in_parts(self, places: Sequence[Places]) -> Iterator[tuple[list[Places], slice]]:
        """Some runs at a time, so that memory stays bounded however many runs there are."""
        step = max(1, AT_ONCE // len(self))
        for start in range(0, max(1, len(places[0].features)), step):
            rows = slice(start, start + step)
            yield [each.at(rows) for each in places], rows


def _wholly(
    away: FloatArray, inverse: FloatArray, coefficients: FloatArray, own: IntArray | None
) -> tuple[FloatArray, FloatArray]:
    """Mean ``[run, family]`` and explained variance ``[run, 1]`` from all training runs."""
    shared = np.exp(-away)
    mean = shared @ coefficients
    explained = ((shared @ inverse) * shared).sum(1, keepdims=True)
    if own is not None:
        through_own = (shared * inverse[own]).sum(1, keepdims=True)
        precision = inverse.diagonal()[own][:, None]
        mean -= through_own * coefficients[own] / precision
        explained -= through_own**2 / precision
    return mean, explained


def _nearest(away: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Places and distances of the smallest in each row, smallest first."""
    count = min(count, away.shape[1])
    places = np.sort(np.argpartition(away, count - 1, axis=1)[:, :count], axis=1)
    found = np.take_along_axis(away, places, 1)
    order = np.argsort(found, axis=1, kind="stable")
    return np.take_along_axis(places, order, 1), np.take_along_axis(found, order, 1)


def evidence(logits: FloatArray, variance: FloatArray) -> NDArray[np.float32]:
    """Join logits and variance as context features ``[run, family + 1]``, float32."""
    return np.concatenate([logits / LOGIT_SCALE, variance], 1, dtype=np.float32)


def _float64(array: NDArray[Any]) -> FloatArray:
    return array.astype(np.float64)
