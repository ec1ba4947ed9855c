"""The spectrogram that models see most often of a run: drawing it again changes nothing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from egams.conventions import HELIUM_SCALE, MZ_COUNT
from egams.preprocess.prepared_run import PreparedRun
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns, column_temperatures

VIEW = SpectrogramConfig(unit_range=False)
"""Floor 1e-4, divided by the run's maximum, log10: what most experiments see."""


def typical_spectrogram(
    run: PreparedRun, config: SpectrogramConfig = VIEW
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Render a run with each random choice at its most likely or mean value.

    Every column is its nearest scan, the background quantiles weigh the same, the baseline is
    left in and no m/z is scaled.

    Returns
    -------
    image
        Log10 of the signal relative to its maximum ``[m/z, temperature]``.
    measured
        False where a value stands for something that was not measured ``[m/z, temperature]``.
    """
    runs = ResidentRuns.load([run])
    scan = _nearest_scans(run, config.reach)
    one = torch.ones(1)
    draws = Draws(
        run=torch.zeros(1, dtype=torch.int64),
        scan=torch.from_numpy(scan)[None],
        subtract_baseline=torch.zeros(1, dtype=torch.bool),
        background_weight=torch.full((1, runs.background.shape[2]), 1 / runs.background.shape[2]),
        mz_scale=torch.ones(1, MZ_COUNT),
        faint_scale=one,
        helium_scale=HELIUM_SCALE * one,
        total_scale=one,
        mixed=torch.empty(0, dtype=torch.int64),
        by_mean=torch.empty(0, dtype=torch.bool),
        partner=None,
    )
    image: NDArray[np.float32] = render(runs, draws, config)[0].numpy()
    measured = np.zeros((MZ_COUNT, len(scan)), dtype=np.bool_)
    measured[run.mz] = (~np.isnan(run.abundance[scan]) & (scan >= 0)[:, None]).T
    return image, measured


def _nearest_scans(run: PreparedRun, reach: float) -> NDArray[np.int64]:
    """Likeliest candidate of each column ``[temperature]``; -1 where there is none."""
    columns = column_temperatures().numpy()[:, None]
    candidate = np.abs(np.floor(run.temperature) - columns) <= reach
    distance = np.where(candidate, np.abs(run.temperature - columns), np.inf)
    return np.where(candidate.any(1), distance.argmin(1), -1).astype(np.int64)
