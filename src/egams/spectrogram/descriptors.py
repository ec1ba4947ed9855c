"""A run described once, for comparing it with other runs: no augmentation, mean over draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egams.arrays import IntArray, to_numpy
from egams.conventions import HELIUM, MZ_COUNT, TEMPERATURE_COUNT
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.context import Context
from egams.spectrogram.draw import draw_each, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns

DESCRIPTORS = ("shares", "peaks", "shapes", "background")
DESCRIPTOR_DRAWS = 12
DESCRIPTOR_SEED = (0,)
DESCRIPTOR_CONFIG = SpectrogramConfig(floor=1e-6, unit_range=False, mz_sigma=0.0)

KEY_IONS = (12, 15, 16, 17, 18, 28, 30, 32, 34, 36, 38, 44, 45, 46, 48, 64, 66)
"""Fragments of the gases that distinguish families: H2O, CO, NO, O2, H2S, HCl, CO2, SO2."""

SHARE_COLUMNS, SHAPE_COLUMNS = 4, 2
"""Columns of the spectrogram that are averaged: 48 and 24 degC."""
FEATURES = (
    MZ_COUNT * TEMPERATURE_COUNT // SHARE_COLUMNS,
    MZ_COUNT,
    len(KEY_IONS) * TEMPERATURE_COUNT // SHAPE_COLUMNS,
    MZ_COUNT,
)
"""How many each descriptor has."""

SMALLEST_SHARE = -2.5
SMALLEST_PEAK = -5.0
SMALLEST_SHAPE = -1.5
RUNS_AT_ONCE = 8


Descriptor = NDArray[np.float32]


def run_descriptors(runs: ResidentRuns, positions: IntArray) -> list[Descriptor]:
    """Describe runs by four kinds of features.

    The same run always gets the same descriptors, whatever runs are beside it.

    Parameters
    ----------
    runs
        Prepared runs.
    positions
        Which of them ``[run]``.

    Returns
    -------
    list of NDArray
        For each of `DESCRIPTORS` ``[run, feature]``: log10 share of the ion signal of each m/z in
        steps of 48 degC; log10 height of each m/z; shape of the key ions, each relative to its own
        maximum, in steps of 24 degC; background level of each m/z.
    """
    table = windows(runs, DESCRIPTOR_CONFIG)
    contexts = to_numpy(runs.context)
    parts = []
    for start in range(0, len(positions), RUNS_AT_ONCE):
        batch = positions[start : start + RUNS_AT_ONCE]
        drawn = draw_each(runs, table, batch, DESCRIPTOR_CONFIG, DESCRIPTOR_DRAWS, DESCRIPTOR_SEED)
        image = to_numpy(render(runs, drawn, DESCRIPTOR_CONFIG))
        of_draws = _descriptors(image, Context.decode(contexts[drawn.run]).level)
        of_runs = [each.reshape(-1, DESCRIPTOR_DRAWS, each.shape[1]) for each in of_draws]
        parts.append([each.mean(1) for each in of_runs])
    return [np.concatenate(of_all) for of_all in zip(*parts, strict=True)]


def _descriptors(image: Descriptor, background: Descriptor) -> tuple[Descriptor, ...]:
    """Descriptors of single spectrograms: log10 ``[B, m/z, temperature]`` from -6 to 0."""
    signal = np.exp(image * np.float32(np.log(10)))
    peak = image.max(2, keepdims=True)
    total = np.log10(signal.sum(1, keepdims=True) - signal[:, HELIUM : HELIUM + 1])
    shares = np.clip(image - total, SMALLEST_SHARE, 0)
    shapes = np.maximum((image - peak)[:, KEY_IONS], SMALLEST_SHAPE)
    return (
        _coarser(shares, SHARE_COLUMNS),
        np.maximum(peak[:, :, 0], SMALLEST_PEAK),
        _coarser(shapes, SHAPE_COLUMNS),
        background,
    )


def _coarser(image: Descriptor, columns: int) -> Descriptor:
    """Average neighbouring columns and flatten ``[B, m/z * temperature]``."""
    B, M, T = image.shape
    return np.asarray(image.reshape(B, M, T // columns, columns).mean(3).reshape(B, -1))
