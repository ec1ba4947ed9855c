"""Draws to spectrograms: no randomness in here."""

from __future__ import annotations

import math

import torch
from torch import Tensor

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


def render(runs: ResidentRuns, draws: Draws, config: SpectrogramConfig) -> Tensor:
    """Render a batch.

    Returns
    -------
    Tensor
        ``[run, m/z, temperature]``, log10 of the signal relative to its maximum, from
        log10(floor) to 0, or from 0 to 1 with `unit_range`. A view of memory laid out
        ``[run, temperature, m/z]``. With ``norm="all"``, ``[run, 3 * m/z, temperature]``.

    Source: the write-up, "2D representations" and "Data augmentation"; its published constants.
    """
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
    return (images[0] if len(images) == 1 else torch.cat(images, 2)).transpose(1, 2)


def mixed_labels(runs: ResidentRuns, draws: Draws) -> Tensor:
    """Labels of a batch ``[run, family]``: of a mixture, the families of either run."""
    labels = runs.labels[draws.run]
    if draws.partner is not None:
        labels[draws.mixed] = torch.maximum(labels[draws.mixed], runs.labels[draws.partner.run])
    return labels


def _above_background(runs: ResidentRuns, draws: Draws) -> Tensor:
    """Background-subtracted signal ``[run, temperature, m/z]``."""
    with_baseline = draws.subtract_baseline.long()
    row = draws.scan + with_baseline[:, None] * runs.scan_total
    row = torch.where(draws.scan < 0, len(runs.scans) - 1, row)
    signal = runs.scans.index_select(0, row.flatten()).view(*row.shape, -1)
    quantiles = runs.background[draws.run, with_baseline]
    background = (draws.background_weight[:, None, :] @ quantiles).squeeze(1)
    signal -= background[:, None, :]
    return signal


def _normalised(signal: Tensor, draws: Draws, norm: str) -> Tensor:
    """Normalise and scale ``[run, temperature, m/z]``; the signal given is left as it is."""
    scale = draws.mz_scale
    if norm == "band":
        scale = scale / (signal.amax(1).clamp_(WEAKEST, STRONGEST) + NORM_OFFSET)
    if norm == "share":
        signal = signal.clamp(min=0)
        total = signal.sum(2) - signal[:, :, HELIUM]
        signal /= (total.clamp_(WEAKEST, STRONGEST) + NORM_OFFSET)[:, :, None]
    return (signal * scale[:, None, :]).clamp_(0.0, LARGEST)


def _logarithm(signal: Tensor, draws: Draws, config: SpectrogramConfig, floor: float) -> Tensor:
    """log10 relative to the maximum, from the floor on ``[run, temperature, m/z]``."""
    signal[:, :, HELIUM] *= draws.helium_scale[:, None]
    strongest = signal.amax((1, 2)).clamp_min(torch.finfo(signal.dtype).tiny)
    signal *= (draws.total_scale / strongest)[:, None, None]
    signal.clamp_(floor, 1.0).log10_()
    if config.unit_range:
        signal.mul_(-1 / math.log10(floor)).add_(1.0)
    return signal


def _mix(signal: Tensor, second: Tensor, runs: ResidentRuns, draws: Draws) -> Tensor:
    """Mix second runs in; a run without any family is first made faint."""
    assert draws.partner is not None
    first = signal[draws.mixed] * _faintness(runs, draws)[draws.mixed][:, None, None]
    second = second * _faintness(runs, draws.partner)[:, None, None]
    by_mean = draws.by_mean[:, None, None]
    signal[draws.mixed] = torch.where(by_mean, (first + second) / 2, torch.maximum(first, second))
    return signal


def _faintness(runs: ResidentRuns, draws: Draws) -> Tensor:
    without_labels = runs.labels[draws.run].sum(1) == 0
    return torch.where(without_labels, draws.faint_scale, 1.0)
