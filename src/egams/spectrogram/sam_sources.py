"""The instrument's background and noise, learned from runs of the SAM testbed without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from egams.arrays import to_numpy
from egams.conventions import BIN_WIDTH
from egams.errors import ConfigError
from egams.preprocess.binning import bin_centres
from egams.spectrogram.context import Context, background_at
from egams.spectrogram.resident import ResidentRuns, apart

FEWEST_SOURCES = 2
MAD_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal number."""
LEAST_NOISE = 1e-6
"""Of an m/z with less of it, only rounding is left: its bins were filled by interpolation."""
BEND_VARIANCE = 6.0
"""Variance of x[i-1] - 2 x[i] + x[i+1], for independent x of variance 1."""


@dataclass(frozen=True)
class SamSources:
    """Instrument backgrounds to put under other runs.

    Parameters
    ----------
    background
        What varies slowly, relative to the run's largest abundance ``[source, bin, m/z]``; bins
        as in `egams.preprocess.binning.bin_centres`; 0 where not measured.
    evolved
        What rises above that in a quiet source; 0 in the others ``[source, bin, m/z]``.
    measured
        Whether the m/z was measured ``[source, m/z]``.
    counts
        Ions counted in a bin where the abundance is 1 ``[source]``.
    strength
        Largest abundance that rises, over the largest background, of the sources that are not
        quiet ``[loud source]``.
    """

    background: Tensor
    evolved: Tensor
    measured: Tensor
    counts: Tensor
    strength: Tensor

    def __len__(self) -> int:
        return len(self.counts)


@dataclass(frozen=True)
class BinnedScans:
    """Scans brought to bins of 4 degC.

    Parameters
    ----------
    above
        Abundance less its 0.001 quantile ``[run, bin, m/z]``.
    residual
        Abundance - baseline, less its 0.001 quantile ``[run, bin, m/z]``.
    within
        Bins that the run reaches ``[run, bin]``.
    """

    above: Tensor
    residual: Tensor
    within: Tensor


def sam_sources(runs: ResidentRuns) -> SamSources:
    """Learn background and noise of the instrument from runs of it; labels are not used.

    The half of the runs in which least rises above the background are quiet: what rises there is
    the instrument's own. Counts are inferred from the noise: the variance of a Poisson number is
    its mean, and second differences from bin to bin are little but noise.

    Raises
    ------
    ConfigError
        If there are fewer than 2 runs, one is not of the SAM testbed, or one shows no noise.
    """
    context = Context.decode(runs.context)
    if len(runs) < FEWEST_SOURCES or not bool(context.is_sam.all()):
        raise ConfigError(
            f"{len(runs)} runs to learn SAM's backgrounds from, some perhaps of other instruments; "
            f"expected at least {FEWEST_SOURCES} runs, all of the SAM testbed. "
            "Prepare them into a store of their own."
        )
    binned = to_bins(runs, torch.arange(len(runs), device=runs.device))
    # Scans are kept less their 0.001 quantile; the context holds the 0.05 quantile.
    lowest = background_at(context.level) - runs.background[:, 0, 1]
    seen = context.measured[:, None]
    abundance = (binned.above + lowest[:, None]).clamp_min(0) * seen
    evolved = torch.minimum(binned.residual.clamp_min(0) * seen, abundance)
    background = abundance - evolved
    strength = evolved.amax((1, 2)) / background.amax((1, 2))
    quiet = strength <= strength.median()
    return SamSources(
        background=background,
        evolved=evolved * quiet[:, None, None],
        measured=context.measured,
        counts=_counts(abundance),
        strength=strength[~quiet],
    )


def to_bins(runs: ResidentRuns, positions: Tensor) -> BinnedScans:
    """Interpolate scans linearly at the centres of bins; beyond the ends their values hold."""
    centre = torch.from_numpy(bin_centres()).to(runs.device)
    temperature = to_numpy(runs.temperature).astype(np.float64)
    on_line = [torch.from_numpy(each) for each in apart(temperature, to_numpy(runs.scan_count))]
    line, offset = (each.to(runs.device) for each in on_line)
    found = torch.searchsorted(line, centre + offset[positions][:, None])
    first = runs.first_scan[positions][:, None]
    last = first + runs.scan_count[positions][:, None] - 1
    upper = found.clamp(first, last)
    lower = (found - 1).clamp(first, last)
    low, high = runs.temperature[lower], runs.temperature[upper]
    weight = ((centre - low) / (high - low).clamp_min(1e-6)).clamp(0, 1).float()[:, :, None]
    half = BIN_WIDTH / 2
    warm = centre + half > runs.temperature[first]
    within = warm & (centre - half <= runs.temperature[last])

    def at_centres(first_row: int) -> Tensor:
        scans: Tensor = runs.scans
        below = scans.index_select(0, (lower + first_row).flatten())
        above = scans.index_select(0, (upper + first_row).flatten())
        return below.view(*lower.shape, -1).lerp(above.view(*lower.shape, -1), weight)

    return BinnedScans(at_centres(0), at_centres(runs.scan_total), within)


def _counts(abundance: Tensor) -> Tensor:
    """Median over m/z of mean / variance ``[run]``."""
    bend = abundance[:, :-2] - 2 * abundance[:, 1:-1] + abundance[:, 2:]
    sigma = bend.abs().median(1).values / MAD_OF_NORMAL
    counts = abundance.median(1).values / (sigma**2 / BEND_VARIANCE)
    counts = torch.where(sigma > LEAST_NOISE, counts, torch.nan).nanmedian(1).values
    if bool(counts.isnan().any()):
        raise ConfigError(
            f"SAM run number {int(counts.isnan().nonzero()[0])} of the sources shows no noise "
            "between bins of 4 degC; expected a reading of each m/z in nearly every bin. "
            "Leave that run out."
        )
    return counts
