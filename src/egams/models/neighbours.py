"""`neighbours`: what the nearest training runs were labelled, as a Gaussian process weighs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egams.arrays import Array, FloatArray, IntArray
from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.models.kernel import AT_ONCE, Kernel, Places, joined
from egams.models.network import ModelSettings
from egams.spectrogram.descriptors import DESCRIPTORS, FEATURES, Descriptor

EVIDENCE_FEATURES = len(FAMILIES) + 1
LOGIT_SCALE = 4.0
"""Brings logits to the order of one, as the other context features are."""

LARGEST_LOGARITHM = 30.0
"""Of the free numbers of a kernel: no fit comes near it, and e^30 does not overflow."""

State = Mapping[str, NDArray[Any]]


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


class Neighbours:
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

    Raises
    ------
    ArtifactError
        If arrays are missing, do not fit each other, or hold what is no finite number.
    """

    def __init__(self, state: State) -> None:
        _refuse_misfits(state)
        self.state = dict(state)
        self.kernel = Kernel(*(_float64(state[f"kernel_{name}"]) for name in Kernel._fields))
        self.prior = _float64(state["prior"])
        self._weights = (self.kernel.weights / _float64(state["scale"])).tolist()
        self._noise = float(np.exp(self.kernel.noise))
        self._known = [Places.of(state[f"descriptor_{name}"]) for name in DESCRIPTORS]
        self._centres = {name: _float64(state[f"centre_{name}"]) for name in _projected(state)}
        self._directions = {name: _float64(state[f"directions_{name}"]) for name in self._centres}
        self._inverse, self._coefficients, self._targets = (
            _float64(state[name]) if name in state else None
            for name in ("inverse", "coefficients", "targets")
        )
        self._nearest = int(state["nearest"]) if "nearest" in state else 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, or does not hold what it should.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return cls(load_file(path))
        except (OSError, SafetensorError, LookupError, ArtifactError) as error:
            raise ArtifactError(
                f"{path}: holds no neighbours ({error}). Copy or make it again."
            ) from error

    def save(self, path: Path) -> None:
        """Write all arrays, as safetensors."""
        from safetensors.numpy import save_file

        save_file({name: np.array(each, order="C") for name, each in self.state.items()}, path)

    def __len__(self) -> int:
        return len(self._known[0].features)

    def away(self, descriptors: Sequence[Descriptor]) -> FloatArray:
        """Joined distance of runs from every training run ``[run, training run]``."""
        return self._away(self._places(descriptors))

    def nearest(self, descriptors: Sequence[Descriptor], count: int) -> tuple[IntArray, FloatArray]:
        """Which training runs are nearest, and their joined distances, nearest first.

        Parameters
        ----------
        descriptors
            As `egams.spectrogram.descriptors.run_descriptors` gives them.
        count
            How many; fewer where there are fewer training runs.

        Returns
        -------
        NDArray, NDArray
            ``[run, count]``.
        """
        found = [
            _nearest(self._away(places), count)
            for places, _ in self._in_parts(self._places(descriptors))
        ]
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
        self, descriptors: Sequence[Descriptor], own: IntArray | None = None
    ) -> NDArray[np.float32]:
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
        mean, variance = self._moments(self._places(descriptors), own)
        return evidence(self.kernel.logits(mean, variance), variance)

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

    def _places(self, descriptors: Sequence[Descriptor]) -> list[Places]:
        """Where runs are among the training runs."""
        named = zip(DESCRIPTORS, descriptors, strict=True)
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


def logits_of(context: Array) -> Array:
    """Logits ``[run, family]`` of a context that ends in evidence."""
    return context[:, -EVIDENCE_FEATURES:-1] * LOGIT_SCALE


def _float64(array: NDArray[Any]) -> FloatArray:
    return array.astype(np.float64)


def _projected(state: State) -> list[str]:
    return [name for name in DESCRIPTORS if f"directions_{name}" in state]


def _refuse_misfits(state: State) -> None:
    """Compare names, shapes and numbers with what the class describes."""
    first = state.get(f"descriptor_{DESCRIPTORS[0]}", np.empty(0))
    runs, families = len(first) if first.ndim else 0, len(FAMILIES)
    expected: dict[str, tuple[int, ...]] = {
        "scale": (len(DESCRIPTORS),),
        "prior": (families,),
        "kernel_weight": (len(DESCRIPTORS),),
        "kernel_noise": (),
    }
    expected |= {f"kernel_{name}": (families,) for name in ("slope", "doubt", "shift")}
    for name, features in zip(DESCRIPTORS, FEATURES, strict=True):
        kept: tuple[int, ...] = (features,)
        if name in _projected(state):
            kept = state[f"directions_{name}"].shape[-1:]
            expected |= {f"centre_{name}": (features,), f"directions_{name}": (features, *kept)}
        expected[f"descriptor_{name}"] = (runs, *kept)
    if "nearest" in state:
        expected |= {"nearest": (), "targets": (runs, families)}
    else:
        expected |= {"inverse": (runs, runs), "coefficients": (runs, families)}
    if "coefficients" in state:
        expected["coefficients"] = (runs, families)
    if set(state) != set(expected):
        raise ArtifactError(f"holds {sorted(state)}; expected {sorted(expected)}")
    for name, shape in expected.items():
        found = state[name]
        if found.shape != shape or found.dtype.kind not in "fi":
            raise ArtifactError(
                f"'{name}' is {found.dtype} {found.shape}; expected numbers {shape}"
            )
        if not np.isfinite(found).all():
            raise ArtifactError(f"'{name}' holds numbers that are not finite")
        if name.startswith("kernel_") and (np.abs(found) > LARGEST_LOGARITHM).any():
            raise ArtifactError(f"'{name}' holds more than {LARGEST_LOGARITHM}, up or down")
    if runs == 0 or not (state["scale"] > 0).all():
        raise ArtifactError("holds no training run, or a scale that is not above 0")
    if "nearest" in state and not 1 <= state["nearest"] <= runs:
        raise ArtifactError(f"'nearest' is {state['nearest']}; expected 1 to {runs}")
