"""A run described once, for comparing it with other runs: nothing in it is random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egams.arrays import IntArray
from egams.conventions import BACKGROUND_QUANTILES, HELIUM, HELIUM_SCALE, MZ_COUNT
from egams.spectrogram.coarse import COARSE_BINS, EVERYTHING, CoarseRuns, Mask, coarse_runs
from egams.spectrogram.context import background_level
from egams.spectrogram.resident import ResidentRuns

DESCRIPTORS = ("shares", "peaks", "shapes", "background")

KEY_IONS = (12, 15, 16, 17, 18, 28, 30, 32, 34, 36, 38, 44, 45, 46, 48, 64, 66)
"""Fragments of the gases that distinguish families: H2O, CO, NO, O2, H2S, HCl, CO2, SO2."""

FEATURES = (
    MZ_COUNT * -(-COARSE_BINS // 2),
    MZ_COUNT,
    len(KEY_IONS) * COARSE_BINS,
    MZ_COUNT,
)
"""How many each descriptor of whole runs has."""

FAINTEST = 1e-6
"""Of the largest signal: nothing is smaller."""
SMALLEST_SHARE = -2.5
SMALLEST_PEAK = -5.0
SMALLEST_SHAPE = -1.5
LEVEL = 1
"""Which of the background's quantiles is its level."""

Descriptor = NDArray[np.float32]


def run_descriptors(runs: ResidentRuns, positions: IntArray) -> list[Descriptor]:
    """Describe prepared runs by everything that was measured of them.

    Parameters
    ----------
    runs
        Prepared runs.
    positions
        Which of them ``[run]``.
    """
    return descriptors(coarse_runs(runs, positions))


def descriptors(runs: CoarseRuns, mask: Mask = EVERYTHING) -> list[Descriptor]:
    """Describe runs by four kinds of features, from what of them counts.

    What a mask leaves out of a whole run has no part in its maximum and its background either: a
    run of which less was measured is described as a whole one under its mask.

    Parameters
    ----------
    runs
        Any number.
    mask
        What counts; of all runs the same, so that they can be compared.

    Returns
    -------
    list of NDArray
        For each of `DESCRIPTORS` ``[run, feature]``: log10 share of the ion signal of each m/z in
        steps of 48 degC; log10 height of each m/z; shape of the key ions, each relative to its own
        maximum, in steps of 24 degC; background level of each m/z.
    """
    mz, abundance = np.array(mask.mz), mask.applied(runs)
    abundance = abundance / _largest(np.where(np.isnan(abundance), 0, abundance))
    background = _quantiles(abundance)
    signal = abundance - background.mean(0)[:, :, None]
    signal = np.where(signal > 0, signal, 0)  # also where nothing was measured
    helium = mz == HELIUM
    signal[:, helium] *= np.float32(HELIUM_SCALE)
    signal = np.maximum(signal / _largest(signal), np.float32(FAINTEST))
    image = np.log10(signal)
    peak = image.max(2, keepdims=True)
    shares = image - np.log10(signal[:, ~helium].sum(1, keepdims=True) + np.float32(FAINTEST))
    shapes = np.maximum((image - peak)[:, np.isin(mz, KEY_IONS)], SMALLEST_SHAPE)
    found: list[Descriptor] = [
        _in_pairs(np.clip(shares, SMALLEST_SHARE, 0), mask.first),
        np.maximum(peak[:, :, 0], SMALLEST_PEAK),
        shapes.reshape(len(runs), -1),
        np.nan_to_num(background_level(background[LEVEL])),
    ]
    return found


def _largest(abundance: Descriptor) -> Descriptor:
    largest = abundance.max((1, 2), keepdims=True)
    return np.asarray(np.maximum(largest, np.finfo(np.float32).tiny), np.float32)


def _quantiles(abundance: Descriptor) -> Descriptor:
    """Background quantiles of each m/z ``[quantile, run, m/z]``; NaN where it was not measured."""
    ascending = np.sort(abundance, axis=2)  # NaN last
    last = np.maximum((~np.isnan(abundance)).sum(2) - 1, 0)
    found = []
    for share in BACKGROUND_QUANTILES:
        place = share * last
        lower = place.astype(np.intp)
        pair = np.stack([lower, np.minimum(lower + 1, last)], 2)
        low, high = np.moveaxis(np.take_along_axis(ascending, pair, 2), 2, 0)
        found.append(low + (high - low) * (place - lower).astype(np.float32))
    return np.stack(found)


def _in_pairs(shares: Descriptor, first: int) -> Descriptor:
    """Average pairs of bins, counted from bin 0; half a pair counts half in a distance."""
    pair = (first + np.arange(shares.shape[2])) // 2
    starts, count = np.unique(pair, return_index=True, return_counts=True)[1:]
    mean = np.add.reduceat(shares, starts, axis=2) / count
    return np.asarray((mean * np.sqrt(count / 2)).reshape(len(shares), -1), np.float32)
