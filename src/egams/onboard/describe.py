"""From a binned matrix to what is compared between runs; every step exports to ONNX."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from egams.conventions import (
    BACKGROUND_QUANTILES,
    BIN_COUNT,
    BIN_WIDTH,
    HELIUM,
    HELIUM_SCALE,
    MZ_COUNT,
    NEARNESS,
    TEMPERATURE_COUNT,
)
from egams.spectrogram.context import background_level
from egams.spectrogram.descriptors import KEY_IONS, SMALLEST_PEAK, SMALLEST_SHAPE, SMALLEST_SHARE

FLOOR = 1e-6
BINS_PER_COLUMN = 3
REACH = 4
"""Bins on either side of a column's: 16 degC."""
SHARE_COLUMNS = 4
SHAPE_COLUMNS = 2
EVEN_SHARE = -math.log10(MZ_COUNT - 1)
"""Of each m/z where nothing was measured, as where nothing rises above the floor."""
LEVEL_QUANTILE = 1
BEYOND = 2.0
"""Sorts behind every abundance, the largest of which is 1."""

SHARES = MZ_COUNT * TEMPERATURE_COUNT // SHARE_COLUMNS
SHAPES = TEMPERATURE_COUNT // SHAPE_COLUMNS
SIZES = (SHARES, MZ_COUNT, MZ_COUNT, *[SHAPES] * len(KEY_IONS))
"""Features of each descriptor."""


class Describe(nn.Module):
    """Binned matrices to the descriptors of `egams.spectrogram.descriptors`, without drawing scans.

    What is a random choice there is its mean here: of the candidates of a column the weighted
    mean, of the background's quantiles the plain one.
    """

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        away = BIN_WIDTH * torch.arange(-REACH, REACH + 1).abs()
        self.register_buffer("weight", (1 / (NEARNESS + away))[None, None], persistent=False)

    def forward(self, binned: Tensor) -> list[Tensor]:
        """Describe runs.

        Parameters
        ----------
        binned
            Abundance in any unit ``[run, m/z, bin]``; NaN where not measured.

        Returns
        -------
        list of Tensor
            ``[run, feature]``: log10 share of the ion signal of each m/z in steps of 48 degC;
            log10 height of each m/z; background level of each m/z; then for each of the key ions
            its shape relative to its own maximum, in steps of 24 degC.
        """
        known = ~torch.isnan(binned)
        abundance = torch.where(known, binned, 0.0)
        strongest = abundance.amax((1, 2), keepdim=True).clamp_min(torch.finfo(binned.dtype).tiny)
        abundance = abundance / strongest
        quantiles = _quantiles(abundance, known)
        signal = (abundance - quantiles.mean(2, keepdim=True)).clamp_min(0.0)
        helium_apart = signal.new_ones(MZ_COUNT, 1)
        helium_apart[HELIUM] = HELIUM_SCALE
        signal = torch.where(known, signal, 0.0) * helium_apart
        strongest = signal.amax((1, 2), keepdim=True).clamp_min(FLOOR)
        signal = (signal / strongest).clamp(FLOOR, 1.0)
        image = torch.log10(signal)
        total = torch.log10(signal.sum(1, keepdim=True) - signal[:, HELIUM : HELIUM + 1])
        peak = image.amax(2, keepdim=True)
        scanned = known.any(1, keepdim=True).to(binned.dtype)
        shares = self._columns((image - total).clamp(SMALLEST_SHARE, 0.0), scanned, EVEN_SHARE)
        shapes = (image - peak)[:, list(KEY_IONS)].clamp_min(SMALLEST_SHAPE)
        shapes = _coarser(self._columns(shapes, scanned, SMALLEST_SHAPE), SHAPE_COLUMNS)
        level = background_level(quantiles[:, :, LEVEL_QUANTILE])
        return [
            _coarser(shares, SHARE_COLUMNS).flatten(1),
            peak.squeeze(2).clamp_min(SMALLEST_PEAK),
            torch.where(known.any(2), level, 0.0),
            *shapes.unbind(1),
        ]

    def _columns(self, image: Tensor, scanned: Tensor, nothing: float) -> Tensor:
        """Weighted means of the bins near each of the 80 columns ``[run, m/z, temperature]``."""
        share = self._near(scanned)
        mean = self._near(image * scanned) / share.clamp_min(torch.finfo(image.dtype).tiny)
        return torch.where(share > 0, mean, nothing)

    def _near(self, image: Tensor) -> Tensor:
        # Column i stands at 30 + 12 i degC, where bin 3 i has its middle.
        rows = image.reshape(-1, 1, BIN_COUNT)
        summed = functional.conv1d(rows, self.weight, stride=BINS_PER_COLUMN, padding=REACH)
        return summed[:, :, :TEMPERATURE_COUNT].reshape(-1, image.shape[1], TEMPERATURE_COUNT)


def _quantiles(abundance: Tensor, known: Tensor) -> Tensor:
    """Background quantiles over the measured bins ``[run, m/z, quantile]``; 0 where none is."""
    ascending = torch.where(known, abundance, BEYOND).sort(2).values
    last = known.sum(2, keepdim=True) - 1
    quantile = abundance.new_tensor(BACKGROUND_QUANTILES)
    place = quantile * last.clamp_min(0).to(abundance.dtype)
    lower = place.floor()
    below = lower.long()
    above = torch.minimum(below + 1, last.clamp_min(0))
    low, high = ascending.gather(2, below), ascending.gather(2, above)
    return torch.where(last >= 0, low + (place - lower) * (high - low), 0.0)


def _coarser(image: Tensor, columns: int) -> Tensor:
    """Average neighbouring columns ``[run, m/z, temperature / columns]``."""
    rows = image.shape[1]
    return image.reshape(-1, rows, TEMPERATURE_COUNT // columns, columns).mean(3)
