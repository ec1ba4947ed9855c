"""Every random choice of a batch of spectrograms, made before anything is rendered."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from egams.conventions import COLUMN_STEP, FIRST_COLUMN, HELIUM_SCALE, MZ_COUNT, NEARNESS
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.resident import ResidentRuns, column_temperatures

BACKGROUND_POWER = 4
HELIUM_SIGMA = 0.001
TOTAL_SIGMA = 0.05
FAINT = 0.01


@dataclass(frozen=True)
class Windows:
    """Candidate scans of every column of every run, as one ascending line to search in.

    Parameters
    ----------
    key
        Column number (run * columns + column) plus the cumulative share of the weights of its
        candidates, so that a column's last key is its number plus one ``[candidate]``, float64.
    scan
        Scan of each key, and -1 past the last ``[candidate + 1]``.
    empty
        Columns without a candidate ``[run, temperature]``.
    """

    key: Tensor
    scan: Tensor
    empty: Tensor


@dataclass(frozen=True)
class Draws:
    """The random choices behind a batch.

    Parameters
    ----------
    run
        ``[run]``.
    scan
        Scan that becomes each column ``[run, temperature]``; -1 where there is no candidate.
    subtract_baseline
        Whether abundance - baseline is used ``[run]``.
    background_weight
        Weights of the background quantiles ``[run, quantile]``, sum 1.
    mz_scale
        Factor of each m/z ``[run, m/z]``.
    faint_scale
        Factor of a run without labels when it takes part in mixing ``[run]``.
    helium_scale, total_scale
        Factor of m/z 4 and of the whole spectrogram ``[run]``.
    mixed
        Positions in the batch that get a second run ``[mixed]``.
    by_mean
        Whether those are averaged; else the larger value is taken ``[mixed]``.
    partner
        Draws of the second runs; None where `mixed` is empty.
    """

    run: Tensor
    scan: Tensor
    subtract_baseline: Tensor
    background_weight: Tensor
    mz_scale: Tensor
    faint_scale: Tensor
    helium_scale: Tensor
    total_scale: Tensor
    mixed: Tensor
    by_mean: Tensor
    partner: Draws | None


def windows(runs: ResidentRuns, config: SpectrogramConfig) -> Windows:
    """List the candidates of every column: scans with floor(T) within `reach` of it.

    A candidate's weight is 1 / (12 + distance in degC). Source: the write-up,
    "2D representations" ("weighted random sampling"); its published constants.
    """
    device = runs.device
    columns = column_temperatures().to(device)
    temperature = runs.temperature.double()
    line, offset = runs.apart(torch.floor(temperature))
    place = columns + offset[:, None]
    start = torch.searchsorted(line, (place - config.reach).contiguous(), side="left")
    end = torch.searchsorted(line, (place + config.reach).contiguous(), side="right")
    count = (end - start).flatten()
    window = torch.repeat_interleave(torch.arange(count.numel(), device=device), count)
    ends = torch.cumsum(count, 0)
    within = torch.arange(int(ends[-1]), device=device) - (ends - count)[window]
    scan = start.flatten()[window] + within
    distance = (columns[window % len(columns)] - temperature[scan]).abs()
    cumulative = pad(torch.cumsum(1.0 / (NEARNESS + distance), 0), (1, 0))
    before, upto = cumulative[ends - count], cumulative[ends]
    share = (cumulative[1:] - before[window]) / (upto - before)[window]
    # The last candidate takes what rounding left over.
    share[(ends - 1)[count > 0]] = 1.0
    scan = pad(scan, (0, 1), value=-1)
    return Windows(window + share, scan, (count == 0).reshape(len(runs), -1))


def draw(
    runs: ResidentRuns,
    table: Windows,
    run: Tensor,
    config: SpectrogramConfig,
    generator: torch.Generator,
    *,
    partners: Tensor | None = None,
) -> Draws:
    """Make every random choice for a batch.

    Parameters
    ----------
    run
        Runs to draw ``[run]``.
    partners
        Runs that may be mixed in ``[candidate]``; None where nothing is mixed.
    generator
        On the device of `runs`; the only source of randomness.
    """
    B, device = len(run), runs.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    weight = uniform(B, runs.background.shape[2]) ** BACKGROUND_POWER
    unmixed = Draws(
        run=run,
        scan=_draw_scans(table, run, _columns(table, config, B, generator), generator),
        subtract_baseline=uniform(B) < config.baseline_prob,
        background_weight=weight / weight.sum(1, keepdim=True),
        mz_scale=torch.exp2(config.mz_sigma * normal(B, MZ_COUNT)),
        faint_scale=FAINT * torch.exp2(normal(B)),
        helium_scale=HELIUM_SCALE * torch.exp2(HELIUM_SIGMA * normal(B)),
        total_scale=torch.exp2(TOTAL_SIGMA * normal(B)),
        mixed=torch.empty(0, dtype=torch.int64, device=device),
        by_mean=torch.empty(0, dtype=torch.bool, device=device),
        partner=None,
    )
    if partners is None or not config.mix:
        return unmixed
    mixed = torch.nonzero(uniform(B) < config.mix).flatten()
    if not len(mixed):
        return unmixed
    chosen = (uniform(len(mixed)) * len(partners)).long().clamp_max(len(partners) - 1)
    partner = draw(runs, table, partners[chosen], config, generator)
    by_mean = uniform(len(mixed)) < 0.5
    return replace(unmixed, mixed=mixed, by_mean=by_mean, partner=partner)


def draw_each(
    runs: ResidentRuns,
    table: Windows,
    positions: Tensor,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
) -> Draws:
    """Draw every run `draws` times, from a generator that depends on `seed` and the run alone.

    A run is known by its context, not by its name or place: renamed, reordered or alone, it gets
    the same draws. Nothing is mixed.

    Parameters
    ----------
    positions
        Which of `runs` ``[run]``.
    draws
        Draws of each.
    seed
        Whole numbers, none negative.

    Returns
    -------
    Draws
        Of ``run * draws`` spectrograms, the draws of a run one after the other.
    """
    config = config.for_prediction()
    generator = torch.Generator(runs.device)
    contexts = runs.context[positions].cpu().numpy()
    each = [
        draw(
            runs,
            table,
            position.expand(draws),
            config,
            generator.manual_seed(_seed_of(context.tobytes(), seed)),
        )
        for position, context in zip(positions, contexts, strict=True)
    ]
    tensors = [entry.name for entry in fields(Draws) if entry.name != "partner"]
    joined = {name: torch.cat([getattr(one, name) for one in each]) for name in tensors}
    return Draws(**joined, partner=None)


def _columns(
    table: Windows, config: SpectrogramConfig, B: int, generator: torch.Generator
) -> Tensor:
    """Column of the run that becomes each column ``[run, temperature]``.

    Each its own, unless peaks are moved: then all of the run moves to other temperatures, in whole
    columns. Beyond the ends the last column stays.
    """
    count, device = table.empty.shape[1], table.empty.device
    own = torch.arange(count, device=device).expand(B, -1)
    if not config.shift and not config.stretch:
        return own
    moved = config.shift * torch.randn(B, 1, generator=generator, device=device)
    factor = torch.exp2(config.stretch * torch.randn(B, 1, generator=generator, device=device))
    temperature = column_temperatures().to(moved)
    shown = FIRST_COLUMN + (temperature - FIRST_COLUMN) * factor + moved
    column = torch.round((shown - FIRST_COLUMN) / COLUMN_STEP).long()
    return column.clamp(0, count - 1)


def _draw_scans(table: Windows, run: Tensor, columns: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one candidate for each column ``[run, temperature]``; -1 where there is none."""
    number = run[:, None] * table.empty.shape[1] + columns
    point = torch.rand(number.shape, generator=generator, device=run.device, dtype=torch.float64)
    found = torch.searchsorted(table.key, number + point, side="right")
    return torch.where(table.empty[run[:, None], columns], -1, table.scan[found])


def _seed_of(run: bytes, seed: Sequence[int]) -> int:
    digest = hashlib.blake2b(np.array(seed, dtype="<i8").tobytes() + run, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
