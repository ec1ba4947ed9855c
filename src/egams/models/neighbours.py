"""`neighbours`: what the nearest training runs were labelled, as a Gaussian process weighs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egams.arrays import Array, FloatArray, IntArray
from egams.errors import ArtifactError, ConfigError
from egams.families import FAMILIES
from egams.models.kernel import Places, distances, recalibrated
from egams.models.neighbours_state import State, refuse_misfits
from egams.models.network import ModelSettings
from egams.models.process import LOGIT_SCALE, Process
from egams.spectrogram.coarse import EVERYTHING, CoarseRuns, Mask, masks_of, packed, unpacked
from egams.spectrogram.descriptors import DESCRIPTORS, descriptors

EVIDENCE_FEATURES = len(FAMILIES) + 1
USUALLY = 0.9
"""An m/z is usual that so many of the training runs measured."""
MASKS_KEPT = 8
SMALLEST_SCALE = 1e-7


class NeighboursConfig(ModelSettings):
    """Settings of `Neighbours`.

    Parameters
    ----------
    steps, learning_rate
        Of the fit of the kernel (Adam).
    caution
        Pulls the calibration of each family towards a common one.
    """

    draws_spectrograms: ClassVar[bool] = False

    kind: Literal["neighbours"] = "neighbours"
    steps: int = Field(60, ge=1)
    learning_rate: float = Field(0.1, gt=0)
    caution: float = Field(1e-3, ge=0)


class Neighbours:
    """Training runs, and the process that weighs what they were labelled.

    A run of which less was measured than usually is compared with training runs as if no more had
    been measured of them: the process is solved anew for what both have, with the same kernel, and
    calibrated. So it answers as one that was trained on such runs.

    Parameters
    ----------
    state
        Arrays by name: those of the `Process` on whole runs. Up to some thousands of training runs
        also ``lowest`` and ``excess``, the runs as `egams.spectrogram.coarse.packed` packs them,
        and ``labels``, 0 or 1 ``[training run, family]``.

    Raises
    ------
    ArtifactError
        If arrays are missing, do not fit each other, or hold what is no finite number.
    """

    def __init__(self, state: State) -> None:
        refuse_misfits(state)
        self.state = dict(state)
        self.whole = Process(state)
        self._under_masks: dict[Mask, Process] = {}

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
        return len(self.whole)

    def taught(self, runs: CoarseRuns, labels: NDArray[np.float32]) -> Neighbours:
        """Return neighbours that know further runs too: the process solved anew, the same kernel.

        Parameters
        ----------
        runs
            Further training runs.
        labels
            0 or 1 ``[run, family]``.

        Raises
        ------
        ConfigError
            If these neighbours keep no spectrograms: they were fitted on too many runs.
        """
        if "lowest" not in self.state:
            raise ConfigError(
                f"neighbours of {len(self)} runs keep no spectrograms of them, and cannot be "
                "taught. Train on all runs together instead."
            )
        lowest, excess = packed(runs)
        added: dict[str, NDArray[Any]] = {"lowest": lowest, "excess": excess, "labels": labels}
        state = self.state | {
            name: np.concatenate([self.state[name], each.astype(self.state[name].dtype)])
            for name, each in added.items()
        }
        process = _solved(state, self.whole, EVERYTHING).state
        solved = {name: array.astype(self.state[name].dtype) for name, array in process.items()}
        return type(self)(state | solved)

    def among_themselves(self) -> FloatArray:
        """Joined distance of each training run from the nearest other one ``[training run]``."""
        return self.whole.among_themselves()

    def nearest(self, runs: CoarseRuns, count: int) -> tuple[IntArray, FloatArray]:
        """Which training runs are nearest in what was measured, and their joined distances.

        Parameters
        ----------
        runs
            Any number.
        count
            How many; fewer where there are fewer training runs.

        Returns
        -------
        NDArray, NDArray
            Nearest first ``[run, count]``.
        """
        return self.evidence_and_nearest(runs, count)[1:]

    def evidence_and_nearest(
        self, runs: CoarseRuns, count: int, own: IntArray | None = None
    ) -> tuple[NDArray[np.float32], IntArray, FloatArray]:
        """Return both, for what it costs to solve the processes under the runs' masks once.

        Parameters
        ----------
        runs, count
            As for `nearest`.
        own
            Training run that each is, and that counts for neither ``[run]``; None where they are
            others.
        """
        count = min(count, len(self))
        which, away = np.empty((len(runs), count), np.intp), np.empty((len(runs), count))
        found = np.empty((len(runs), EVIDENCE_FEATURES), np.float32)
        for mask, rows in self._groups(runs):
            process, described = self.under(mask), descriptors(runs[rows], mask)
            left_out = None if own is None else own[rows]
            which[rows], away[rows] = process.nearest(described, count, left_out)
            found[rows] = process.evidence(described, left_out)
        return found, which, away

    def evidence(self, runs: CoarseRuns, own: IntArray | None = None) -> NDArray[np.float32]:
        """Return evidence ``[run, family + 1]``: logits / 4, then the variance (1: unlike any).

        Parameters
        ----------
        runs
            Any number.
        own
            Training run that each is a version of, and whose part in the evidence is left out
            ``[run]``; None where they are of other runs.
        """
        found = np.empty((len(runs), EVIDENCE_FEATURES), np.float32)
        for mask, rows in self._groups(runs):
            described = descriptors(runs[rows], mask)
            found[rows] = self.under(mask).evidence(described, None if own is None else own[rows])
        return found

    def evidence_of_none(self, runs: CoarseRuns) -> NDArray[np.float32]:
        """Return evidence that says how frequent each family is, and that nothing is near.

        Parameters
        ----------
        runs
            Any number, of which what was measured counts.
        """
        found = np.empty((len(runs), EVIDENCE_FEATURES), np.float32)
        for mask, rows in self._groups(runs):
            found[rows] = self.under(mask).evidence_of_none()
        return found

    def coarse(self, place: int) -> CoarseRuns | None:
        """Return what is kept of the training run at that place; None where nothing is.

        Parameters
        ----------
        place
            Among the training runs.
        """
        if "lowest" not in self.state:
            return None
        return unpacked(*(self.state[name][place : place + 1] for name in ("lowest", "excess")))

    def under(self, mask: Mask) -> Process:
        """Return the process of training runs of which only what counts was measured."""
        if mask.is_everything:
            return self.whole
        if mask not in self._under_masks:
            if len(self._under_masks) >= MASKS_KEPT:
                self._under_masks.pop(next(iter(self._under_masks)))
            self._under_masks[mask] = _solved(self.state, self.whole, mask)
        return self._under_masks[mask]

    def _groups(self, runs: CoarseRuns) -> Iterator[tuple[Mask, IntArray]]:
        """Masks of some runs, and which of the runs each is of."""
        masks = [EVERYTHING] * len(runs)
        if "lowest" in self.state:
            usual_mz = np.flatnonzero((self.state["lowest"] >= 0).mean(0) > USUALLY)
            masks = masks_of(runs, usual_mz)
        for mask in sorted(set(masks)):
            yield mask, np.array([row for row, of_run in enumerate(masks) if of_run == mask])


def _solved(known: State, fitted: Process, mask: Mask) -> Process:
    """Solve the process of known runs under a mask, with the kernel and prior of a fitted one."""
    runs = unpacked(known["lowest"], known["excess"])
    described = dict(zip(DESCRIPTORS, descriptors(runs, mask), strict=True))
    apart = [distances(places, places) for places in map(Places.of, described.values())]
    scale = np.array([max(float(each.mean()), SMALLEST_SCALE) for each in apart])
    kernel, prior = fitted.kernel, fitted.prior
    covariance = np.zeros_like(apart[0])
    for each, weight in zip(apart, (kernel.weights / scale).tolist(), strict=True):
        covariance -= weight * each
    np.exp(covariance, out=covariance)
    covariance.flat[:: len(covariance) + 1] += np.exp(kernel.noise)
    inverse = np.linalg.inv(covariance)
    labels = known["labels"].astype(np.float64)
    targets = 2 * labels - 1 - prior
    coefficients = inverse @ targets
    variance = 1 / inverse.diagonal()[:, None]
    mean = targets - coefficients * variance + prior
    calibrated = recalibrated(kernel, mean, variance, labels)
    state: dict[str, NDArray[Any]] = {"scale": scale, "prior": prior}
    state |= {f"descriptor_{name}": each for name, each in described.items()}
    state |= {"coefficients": coefficients, "inverse": inverse}
    state |= {f"kernel_{name}": np.asarray(x) for name, x in calibrated._asdict().items()}
    return Process(state)


def logits_of(context: Array) -> Array:
    """Logits ``[run, family]`` of a context that ends in evidence."""
    return context[:, -EVIDENCE_FEATURES:-1] * LOGIT_SCALE
