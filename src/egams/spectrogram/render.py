"""Draws to spectrograms: no randomness in here."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws
from egams.spectrogram.resident import ResidentRuns

HELIUM = 4
WEAKEST, STRONGEST, OFFSET = 1e-5, 1e5, 5e-4
LARGEST = 16.0


def render(runs: ResidentRuns, draws: Draws, config: SpectrogramConfig) -> Tensor:
    """Render a batch.

    Returns
    -------
    Tensor
        ``[run, m/z, temperature]``, log10 of the signal relative to its maximum, from
        log10(floor) to 0, or from 0 to 1 with `unit_range`. A view of memory laid out
        ``[run, temperature, m/z]``.

    Source: the write-up, "2D representations" and "Data augmentation"; its published constants.
    """
    signal = _signal(runs, draws, config)
    if draws.partner is not None:
        signal = _mix(signal, _signal(runs, draws.partner, config), runs, draws)
    signal[:, :, HELIUM] *= draws.helium_scale[:, None]
    strongest = signal.amax((1, 2)).clamp_min(torch.finfo(signal.dtype).tiny)
    signal *= (draws.total_scale / strongest)[:, None, None]
    signal.clamp_(config.floor, 1.0).log10_()
    if config.unit_range:
        signal.mul_(-1 / math.log10(config.floor)).add_(1.0)
    return signal.transpose(1, 2)


def mixed_labels(runs: ResidentRuns, draws: Draws) -> Tensor:
    """Labels of a batch ``[run, family]``: of a mixture, the families of either run."""
    labels = runs.labels[draws.run]
    if draws.partner is not None:
        labels[draws.mixed] = torch.maximum(labels[draws.mixed], runs.labels[draws.partner.run])
    return labels


def _signal(runs: ResidentRuns, draws: Draws, config: SpectrogramConfig) -> Tensor:
    """Background-subtracted, normalised and scaled signal ``[run, temperature, m/z]``."""
    with_baseline = draws.subtract_baseline.long()
    row = draws.scan + with_baseline[:, None] * runs.scan_total
    row = torch.where(draws.scan < 0, len(runs.scans) - 1, row)
    signal = runs.scans.index_select(0, row.flatten()).view(*row.shape, -1)
    quantiles = runs.background[draws.run, with_baseline]
    background = (draws.background_weight[:, None, :] @ quantiles).squeeze(1)
    signal -= background[:, None, :]
    scale = draws.mz_scale
    if config.norm == "band":
        scale = scale / (signal.amax(1).clamp_(WEAKEST, STRONGEST) + OFFSET)
    if config.norm == "share":
        signal.clamp_(min=0)
        total = signal.sum(2) - signal[:, :, HELIUM]
        signal /= (total.clamp_(WEAKEST, STRONGEST) + OFFSET)[:, :, None]
    signal *= scale[:, None, :]
    return signal.clamp_(0.0, LARGEST)


def _mix(signal: Tensor, second: Tensor, runs: ResidentRuns, draws: Draws) -> Tensor:
    """Mix second runs in; a run without any family is made faint first, lest it drown the other."""
    assert draws.partner is not None
    first = signal[draws.mixed] * _faintness(runs, draws)[draws.mixed][:, None, None]
    second = second * _faintness(runs, draws.partner)[:, None, None]
    by_mean = draws.by_mean[:, None, None]
    signal[draws.mixed] = torch.where(by_mean, (first + second) / 2, torch.maximum(first, second))
    return signal


def _faintness(runs: ResidentRuns, draws: Draws) -> Tensor:
    without_labels = runs.labels[draws.run].sum(1) == 0
    return torch.where(without_labels, draws.faint_scale, 1.0)
