"""Background and spectrogram of one run, slowly and plainly, in float64: what `render` must equal.

Written from the description of the method (background, then the seven steps of the spectrogram),
one run and one column at a time, as the published solution drew them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.preprocess.prepare_runs import PreparedRun

FloatArray = NDArray[np.float64]

COLUMNS = 30.0 + 12.0 * np.arange(80)


@dataclass(frozen=True)
class Choices:
    """Everything that is random about one run's spectrogram."""

    scan: NDArray[np.int64]  # [temperature], -1: no candidate
    subtract_baseline: bool
    background_weight: FloatArray  # [quantile]
    mz_scale: FloatArray  # [m/z]
    faint_scale: float = 1.0
    helium_scale: float = 0.1
    total_scale: float = 1.0


def candidates(
    run: PreparedRun, column: float, reach: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """Scans that may become a column, and their probabilities."""
    # Mean temperatures of equal readings are a rounding error off: single precision mends that.
    temperature = run.temperature.astype(np.float32).astype(np.float64)
    scan = np.flatnonzero(np.abs(np.floor(temperature) - column) <= reach)
    weight = 1 / (12 + np.abs(column - temperature[scan]))
    return scan, weight / weight.sum()


def choose(
    run: PreparedRun,
    rng: np.random.Generator,
    *,
    reach: float = 16.0,
    mz_sigma: float = 0.5,
    baseline_prob: float = 0.0,
    power: float = 4.0,
) -> Choices:
    """Draw the choices for one run."""
    scan = np.full(len(COLUMNS), -1)
    for i, column in enumerate(COLUMNS):
        near, probability = candidates(run, column, reach)
        if len(near):
            scan[i] = rng.choice(near, p=probability)
    weight = rng.uniform(size=4) ** power
    return Choices(
        scan=scan,
        subtract_baseline=bool(rng.uniform() < baseline_prob),
        background_weight=weight / weight.sum(),
        mz_scale=2.0 ** rng.normal(0.0, mz_sigma, size=100),
        faint_scale=0.01 * 2.0 ** rng.normal(),
        helium_scale=0.1 * 2.0 ** rng.normal(0.0, 0.001),
        total_scale=2.0 ** rng.normal(0.0, 0.05),
    )


def spectrogram(
    run: PreparedRun,
    choices: Choices,
    *,
    norm: str = "max",
    floor: float = 1e-4,
    unit_range: bool = True,
    second: tuple[PreparedRun, Choices] | None = None,
    by_mean: bool = False,
) -> FloatArray:
    """Spectrogram ``[m/z, temperature]`` of a run, or of the mixture of two."""
    x = _scaled(run, choices, norm)
    if second is not None:
        other = _scaled(*second, norm)
        if run.labels is not None and not run.labels.any():
            x = x * choices.faint_scale
        if second[0].labels is not None and not second[0].labels.any():
            other = other * second[1].faint_scale
        x = (x + other) / 2 if by_mean else np.maximum(x, other)
    x[4] *= choices.helium_scale
    x = x / max(x.max(), 1e-30) * choices.total_scale
    x = np.log10(np.clip(x, floor, 1.0))
    return 1 + x / abs(np.log10(floor)) if unit_range else x


def _scaled(run: PreparedRun, choices: Choices, norm: str) -> FloatArray:
    """Steps 1 to 3: background subtracted, normalised, each m/z scaled, clipped to 0..16."""
    background = choices.background_weight @ run.background[int(choices.subtract_baseline)]
    x = np.full((100, len(COLUMNS)), -1.0)
    for i, scan in enumerate(choices.scan):
        if scan >= 0:
            signal = run.abundance[scan] - background
            if choices.subtract_baseline:
                signal -= run.baseline[scan]
            x[run.mz, i] = np.where(np.isnan(signal), -1.0, signal)
    if norm == "band":
        x /= np.clip(x.max(axis=1, keepdims=True), 1e-5, 1e5) + 5e-4
    if norm == "share":
        x = np.maximum(x, 0.0)
        x /= np.clip(np.delete(x, 4, axis=0).sum(axis=0), 1e-5, 1e5) + 5e-4
    return np.clip(x * choices.mz_scale[:, None], 0.0, 16.0)
