"""A store's runs as arrays, ready to draw from: of NumPy, or as tensors on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egams.arrays import Array, FloatArray, IntArray
from egams.conventions import COLUMN_STEP, FIRST_COLUMN, MZ_COUNT, TEMPERATURE_COUNT
from egams.families import FAMILIES
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.context import context_of

if TYPE_CHECKING:
    import torch

NOT_MEASURED = -1.0
"""Far below any background-subtracted signal: becomes the spectrogram's floor."""


@dataclass(frozen=True)
class ResidentRuns:
    """Scans of many runs, one after the other.

    Parameters
    ----------
    scans
        Abundance less its 0.001 quantile ``[scan, m/z]``, then the same of abundance - baseline,
        then one row of `NOT_MEASURED`: ``[2 * scans + 1, m/z]``. Differences from the background
        are kept, not abundances, so that float32 rounds the signal and not the background.
    temperature
        degC ``[scan]``.
    scan_count
        Number of scans of each run ``[run]``.
    background
        Quantiles 0.001, 0.05, 0.10, 0.20 less the 0.001 quantile ``[run, 2, quantile, m/z]``.
    context
        Features of the `Context` of each run ``[run, feature]``.
    labels
        ``[run, family]``; NaN where unknown.
    """

    scans: Array
    temperature: Array
    scan_count: Array
    background: Array
    context: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.scan_count)

    @property
    def device(self) -> torch.device:
        """Where the tensors are, of torch."""
        device: torch.device = self.scans.device
        return device

    @property
    def first_scan(self) -> Array:
        """Where the scans of each run begin ``[run]``."""
        return self.scan_count.cumsum(0) - self.scan_count

    @property
    def scan_total(self) -> int:
        """Number of scans of all runs."""
        return len(self.temperature)

    def to(self, device: torch.device | str) -> ResidentRuns:
        """Return tensors of torch on a device."""
        import torch

        moved = {
            entry.name: torch.as_tensor(getattr(self, entry.name), device=device)
            for entry in fields(self)
        }
        return replace(self, **moved)

    @classmethod
    def load(cls, runs: Sequence[PreparedRun]) -> ResidentRuns:
        """Decode prepared runs (a `RunStore`, say) into arrays of NumPy."""
        signal, residual, temperature, background, context, labels = [], [], [], [], [], []
        unknown = np.full(len(FAMILIES), np.nan, np.float32)
        for run in runs:
            temperature.append(run.temperature.astype(np.float32))
            above = run.abundance - run.background[0, 0]
            signal.append(_over_all_mz(above, run.mz, NOT_MEASURED))
            above = run.abundance - run.baseline
            above -= run.background[1, 0]
            residual.append(_over_all_mz(above, run.mz, NOT_MEASURED))
            background.append(_over_all_mz(run.background - run.background[:, :1], run.mz, 0.0))
            context.append(context_of(run))
            labels.append(unknown if run.labels is None else run.labels)
        gap = np.full((1, MZ_COUNT), NOT_MEASURED, np.float32)
        scans = np.concatenate([*signal, *residual, gap])
        scans[np.isnan(scans)] = NOT_MEASURED
        return cls(
            scans=scans,
            temperature=np.concatenate(temperature),
            scan_count=np.array([len(values) for values in temperature]),
            background=np.stack(background),
            context=np.stack(context),
            labels=np.stack(labels),
        )


def column_temperatures() -> FloatArray:
    """Temperature of each spectrogram column, degC ``[temperature]``."""
    return np.asarray(FIRST_COLUMN + COLUMN_STEP * np.arange(TEMPERATURE_COUNT), np.float64)


def apart(temperature: FloatArray, scan_count: IntArray) -> tuple[FloatArray, FloatArray]:
    """Move runs far apart on one line, so that a single search serves all of them.

    Parameters
    ----------
    temperature
        Of the scans of all runs, one run after the other, degC ``[scan]``.
    scan_count
        Number of scans of each run ``[run]``.

    Returns
    -------
    line
        Temperature of each scan on it ``[scan]``.
    offset
        What is added to temperatures of each run ``[run]``.
    """
    offset: FloatArray = np.asarray(1e5 * np.arange(len(scan_count)), np.float64)
    return temperature + np.repeat(offset, scan_count), offset


def _over_all_mz(values: FloatArray, mz: NDArray[np.intp], elsewhere: float) -> NDArray[np.float32]:
    """Spread ``[..., m/z]`` over m/z 0..99."""
    spread = np.full((*values.shape[:-1], MZ_COUNT), elsewhere, np.float32)
    in_a_row = mz[-1] - mz[0] == len(mz) - 1
    # Most runs measure m/z in a row, and a slice is several times faster than an index.
    spread[..., slice(mz[0], mz[-1] + 1) if in_a_row else mz] = values
    return spread
