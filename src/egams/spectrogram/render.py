"""Draws to spectrograms: no randomness in here. Written once, for NumPy and torch."""

from __future__ import annotations

import math

from egams.arrays import Array, namespace
from egams.conventions import HELIUM, NORM_OFFSET
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws
from egams.spectrogram.resident import ResidentRuns

WEAKEST, STRONGEST = 1e-5, 1e5
LARGEST = 16.0
HIGHEST_RAISED = 0.1
"""No floor is raised further."""

ALL = (("max", 1.0), ("band", 10.0), ("share", 10.0))
"""Normalisations one under the other, and how much higher the floor of each is."""


def render(runs: ResidentRuns, draws: Draws, config: SpectrogramConfig) -> Array:
    """Render a batch, in the library and on the device of `runs`.

    Returns
    -------
    Array
        ``[run, m/z, temperature]``, log10 of the signal relative to its maximum, from
        log10(floor) to 0, or from 0 to 1 with `unit_range`. A view of memory laid out
        ``[run, temperature, m/z]``. With ``norm="all"``, ``[run, 3 * m/z, temperature]``.

    Source: the write-up, "2D representations" and "Data augmentation"; its published constants.
    """
    draws = draws.alike(runs.scans)
    first = _above_background(runs, draws)
    second = None if draws.partner is None else _above_background(runs, draws.partner)
    norms = ALL if config.norm == "all" else ((config.norm, 1.0),)
    images = []
    for norm, raised in norms:
        signal = _normalised(first, draws, norm)
        if draws.partner is not None and second is not None:
            signal = _mix(signal, _normalised(second, draws.partner, norm), runs, draws)
        floor = max(config.floor, min(config.floor * raised, HIGHEST_RAISED))
        images.append(_logarithm(signal, draws, config, floor))
    xp = namespace(images[0])
    joined = images[0] if len(images) == 1 else xp.concat(images, axis=2)
    return xp.permute_dims(joined, (0, 2, 1))


def mixed_labels(runs: ResidentRuns, draws: Draws) -> Array:
    """Labels of a batch ``[run, family]``: of a mixture, the families of either run."""
    draws = draws.alike(runs.labels)
    labels = runs.labels[draws.run]
    if draws.partner is not None:
        second = runs.labels[draws.partner.run]
        labels[draws.mixed] = namespace(labels).maximum(labels[draws.mixed], second)
    return labels


def _above_background(runs: ResidentRuns, draws: Draws) -> Array:
    """Background-subtracted signal ``[run, temperature, m/z]``."""
    xp = namespace(runs.scans)
    with_baseline = xp.astype(draws.subtract_baseline, draws.scan.dtype)
    row = draws.scan + with_baseline[:, None] * runs.scan_total
    row = xp.where(draws.scan < 0, len(runs.scans) - 1, row)
    signal = xp.reshape(xp.take(runs.scans, xp.reshape(row, (-1,)), axis=0), (*row.shape, -1))
    quantiles = runs.background[draws.run, with_baseline]
    signal -= draws.background_weight[:, None, :] @ quantiles
    return signal


def _normalised(signal: Array, draws: Draws, norm: str) -> Array:
    """Normalise and scale ``[run, temperature, m/z]``; the signal given is left as it is."""
    xp, scale = namespace(signal), draws.mz_scale
    if norm == "band":
        scale = scale / (xp.clip(xp.max(signal, axis=1), WEAKEST, STRONGEST) + NORM_OFFSET)
    if norm == "share":
        signal = xp.clip(signal, 0.0, None)
        total = xp.sum(signal, axis=2) - signal[:, :, HELIUM]
        signal /= (xp.clip(total, WEAKEST, STRONGEST) + NORM_OFFSET)[:, :, None]
    return xp.clip(signal * scale[:, None, :], 0.0, LARGEST)


def _logarithm(signal: Array, draws: Draws, config: SpectrogramConfig, floor: float) -> Array:
    """log10 relative to the maximum, from the floor on ``[run, temperature, m/z]``."""
    xp = namespace(signal)
    signal[:, :, HELIUM] *= draws.helium_scale[:, None]
    strongest = xp.clip(xp.max(signal, axis=(1, 2)), xp.finfo(signal.dtype).smallest_normal, None)
    signal *= (draws.total_scale / strongest)[:, None, None]
    # NumPy has vector instructions for the natural logarithm only.
    image = xp.log(xp.clip(signal, floor, 1.0))
    image *= -1 / math.log(floor) if config.unit_range else 1 / math.log(10)
    if config.unit_range:
        image += 1.0
    return image


def _mix(signal: Array, second: Array, runs: ResidentRuns, draws: Draws) -> Array:
    """Mix second runs in; a run without any family is first made faint."""
    assert draws.partner is not None
    xp = namespace(signal)
    first = signal[draws.mixed] * _faintness(runs, draws)[draws.mixed][:, None, None]
    second = second * _faintness(runs, draws.partner)[:, None, None]
    by_mean = draws.by_mean[:, None, None]
    signal[draws.mixed] = xp.where(by_mean, (first + second) / 2, xp.maximum(first, second))
    return signal


def _faintness(runs: ResidentRuns, draws: Draws) -> Array:
    xp = namespace(draws.faint_scale)
    without_labels = xp.sum(runs.labels[draws.run], axis=1) == 0
    return xp.where(without_labels, draws.faint_scale, 1.0)
