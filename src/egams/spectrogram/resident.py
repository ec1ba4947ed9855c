"""A store's runs as tensors on one device, ready to draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egams.arrays import FloatArray
from egams.conventions import COLUMN_STEP, FIRST_COLUMN, MZ_COUNT, TEMPERATURE_COUNT
from egams.families import FAMILIES
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.context import context_of

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

    scans: Tensor
    temperature: Tensor
    scan_count: Tensor
    background: Tensor
    context: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scan_count)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.scans.device

    @property
    def first_scan(self) -> Tensor:
        """Where the scans of each run begin ``[run]``."""
        return self.scan_count.cumsum(0) - self.scan_count

    @property
    def scan_total(self) -> int:
        """Number of scans of all runs."""
        return len(self.temperature)

    def apart(self, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Move runs far apart on one line, so that a single search serves all of them.

        Returns
        -------
        line
            Temperature of each scan on it ``[scan]``.
        offset
            What is added to temperatures of each run ``[run]``.
        """
        offset = 1e5 * torch.arange(len(self), dtype=torch.float64, device=self.device)
        return temperature + offset.repeat_interleave(self.scan_count), offset

    def to(self, device: torch.device | str) -> ResidentRuns:
        """Move to a device."""
        moved = {entry.name: getattr(self, entry.name).to(device) for entry in fields(self)}
        return replace(self, **moved)

    @classmethod
    def load(cls, runs: Sequence[PreparedRun], device: torch.device | str = "cpu") -> ResidentRuns:
        """Decode prepared runs (a `RunStore`, say) onto a device."""
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
        scans = torch.from_numpy(np.concatenate([*signal, *residual, gap]))
        return cls(
            scans=scans.nan_to_num_(nan=NOT_MEASURED),
            temperature=torch.from_numpy(np.concatenate(temperature)),
            scan_count=torch.tensor([len(values) for values in temperature]),
            background=torch.from_numpy(np.stack(background)),
            context=torch.from_numpy(np.stack(context)),
            labels=torch.from_numpy(np.stack(labels)),
        ).to(device)


def column_temperatures() -> Tensor:
    """Temperature of each spectrogram column, degC ``[temperature]``."""
    return FIRST_COLUMN + COLUMN_STEP * torch.arange(TEMPERATURE_COUNT, dtype=torch.float64)


def _over_all_mz(values: FloatArray, mz: NDArray[np.intp], elsewhere: float) -> NDArray[np.float32]:
    """Spread ``[..., m/z]`` over m/z 0..99."""
    spread = np.full((*values.shape[:-1], MZ_COUNT), elsewhere, np.float32)
    in_a_row = mz[-1] - mz[0] == len(mz) - 1
    # Most runs measure m/z in a row, and a slice is several times faster than an index.
    spread[..., slice(mz[0], mz[-1] + 1) if in_a_row else mz] = values
    return spread
