"""Every random choice of a batch of spectrograms, made before anything is rendered.

Always by NumPy, so that the draws of a seed are the same wherever they are rendered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from egams.arrays import Array, BoolArray, FloatArray, IntArray, alike, to_numpy
from egams.conventions import (
    BACKGROUND_QUANTILES,
    COLUMN_STEP,
    FIRST_COLUMN,
    HELIUM_SCALE,
    MZ_COUNT,
    NEARNESS,
    TEMPERATURE_COUNT,
)
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.resident import ResidentRuns, apart, column_temperatures

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

    key: FloatArray
    scan: IntArray
    empty: BoolArray


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

    run: Array
    scan: Array
    subtract_baseline: Array
    background_weight: Array
    mz_scale: Array
    faint_scale: Array
    helium_scale: Array
    total_scale: Array
    mixed: Array
    by_mean: Array
    partner: Draws | None

    def alike(self, other: Array) -> Draws:
        """Return the same draws in the library, and on the device, of another array."""
        moved = {
            entry.name: alike(getattr(self, entry.name), other)
            for entry in fields(self)
            if entry.name != "partner"
        }
        return Draws(**moved, partner=None if self.partner is None else self.partner.alike(other))


@dataclass(frozen=True)
class _Numbers:
    """Random numbers that the choices follow from; each is used once."""

    uniform: NDArray[np.float32]  # [draw, quantile + 1]
    normal: NDArray[np.float32]  # [draw, m/z + 5]
    point: FloatArray  # [draw, temperature]

    @classmethod
    def drawn(cls, count: int, generator: np.random.Generator) -> _Numbers:
        quantiles = len(BACKGROUND_QUANTILES)
        return cls(
            generator.random((count, quantiles + 1), np.float32),
            generator.standard_normal((count, MZ_COUNT + 5), np.float32),
            generator.random((count, TEMPERATURE_COUNT)),
        )


def windows(runs: ResidentRuns, config: SpectrogramConfig) -> Windows:
    """List the candidates of every column: scans with floor(T) within `reach` of it.

    A candidate's weight is 1 / (12 + distance in degC). Source: the write-up,
    "2D representations" ("weighted random sampling"); its published constants.
    """
    columns = column_temperatures()
    temperature = to_numpy(runs.temperature).astype(np.float64)
    line, offset = apart(np.floor(temperature), to_numpy(runs.scan_count))
    place = columns + offset[:, None]
    start = np.searchsorted(line, place - config.reach, side="left")
    end = np.searchsorted(line, place + config.reach, side="right")
    count = (end - start).ravel()
    window = np.repeat(np.arange(count.size), count)
    ends = np.cumsum(count)
    within = np.arange(ends[-1]) - (ends - count)[window]
    scan = start.ravel()[window] + within
    distance = np.abs(columns[window % len(columns)] - temperature[scan])
    cumulative = np.concatenate([[0.0], np.cumsum(1.0 / (NEARNESS + distance))])
    before, upto = cumulative[ends - count], cumulative[ends]
    share = (cumulative[1:] - before[window]) / (upto - before)[window]
    # The last candidate takes what rounding left over.
    share[(ends - 1)[count > 0]] = 1.0
    return Windows(window + share, np.append(scan, -1), (count == 0).reshape(len(runs), -1))


def draw(
    table: Windows,
    run: IntArray,
    config: SpectrogramConfig,
    generator: np.random.Generator,
    *,
    partners: IntArray | None = None,
) -> Draws:
    """Make every random choice for a batch.

    Parameters
    ----------
    table
        Of the runs, for the same `config`.
    run
        Runs to draw ``[run]``.
    config
        What varies, and how much.
    generator
        The only source of randomness.
    partners
        Runs that may be mixed in ``[candidate]``; None where nothing is mixed.
    """
    unmixed = _choices(table, run, config, _Numbers.drawn(len(run), generator))
    if partners is None or not config.mix:
        return unmixed
    mixed = np.flatnonzero(generator.random(len(run)) < config.mix)
    if not len(mixed):
        return unmixed
    chosen = partners[generator.integers(len(partners), size=len(mixed))]
    partner = _choices(table, chosen, config, _Numbers.drawn(len(mixed), generator))
    by_mean = generator.random(len(mixed)) < 0.5
    return replace(unmixed, mixed=mixed, by_mean=by_mean, partner=partner)


def draw_each(
    runs: ResidentRuns,
    table: Windows,
    positions: IntArray,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
) -> Draws:
    """Draw every run `draws` times, from a stream that depends on `seed` and the run alone.

    A run is known by its context, not by its name or place: renamed, reordered or alone, it gets
    the same draws. Nothing is mixed.

    Parameters
    ----------
    runs, table
        Runs, and their windows for the same `config`.
    positions
        Which of `runs` ``[run]``.
    config
        What varies, and how much.
    draws
        Draws of each.
    seed
        Whole numbers, none negative.

    Returns
    -------
    Draws
        Of ``run * draws`` spectrograms, the draws of a run one after the other.

    Source: Salmon et al. 2011 (Philox: a stream for each key).
    """
    contexts = to_numpy(runs.context)[positions]
    each = [_Numbers.drawn(draws, stream(context.tobytes(), seed)) for context in contexts]
    numbers = _Numbers(
        *(np.concatenate([getattr(one, entry.name) for one in each]) for entry in fields(_Numbers))
    )
    return _choices(table, np.repeat(positions, draws), config.for_prediction(), numbers)


def stream(purpose: bytes, seed: Sequence[int]) -> np.random.Generator:
    """Return a generator of its own for each purpose and seed, none of which is negative."""
    digest = hashlib.blake2b(np.array(seed, dtype="<i8").tobytes() + purpose, digest_size=16)
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest.digest(), "little")))


def _choices(table: Windows, run: IntArray, config: SpectrogramConfig, numbers: _Numbers) -> Draws:
    """Turn random numbers into the choices of a batch in which nothing is mixed."""
    weight = numbers.uniform[:, :-1] ** BACKGROUND_POWER
    faint, helium, total, shift, stretch = numbers.normal[:, MZ_COUNT:].T
    columns = _columns(config, shift, stretch)
    return Draws(
        run=run,
        scan=_draw_scans(table, run, columns, numbers.point),
        subtract_baseline=numbers.uniform[:, -1] < config.baseline_prob,
        background_weight=weight / weight.sum(1, keepdims=True),
        mz_scale=np.exp2(np.float32(config.mz_sigma) * numbers.normal[:, :MZ_COUNT]),
        faint_scale=np.float32(FAINT) * np.exp2(faint),
        helium_scale=np.float32(HELIUM_SCALE) * np.exp2(np.float32(HELIUM_SIGMA) * helium),
        total_scale=np.exp2(np.float32(TOTAL_SIGMA) * total),
        mixed=np.empty(0, np.intp),
        by_mean=np.empty(0, np.bool_),
        partner=None,
    )


def _columns(
    config: SpectrogramConfig, shift: NDArray[np.float32], stretch: NDArray[np.float32]
) -> IntArray:
    """Column of the run that becomes each column ``[run, temperature]``.

    Each its own, unless peaks are moved: then all of the run moves to other temperatures, in whole
    columns. Beyond the ends the last column stays.
    """
    own = np.arange(TEMPERATURE_COUNT)
    if not config.shift and not config.stretch:
        return np.broadcast_to(own, (len(shift), TEMPERATURE_COUNT))
    factor = np.exp2(config.stretch * stretch[:, None].astype(np.float64))
    shown = (column_temperatures() - FIRST_COLUMN) * factor + config.shift * shift[:, None]
    return np.clip(np.rint(shown / COLUMN_STEP).astype(np.intp), 0, TEMPERATURE_COUNT - 1)


def _draw_scans(table: Windows, run: IntArray, columns: IntArray, point: FloatArray) -> IntArray:
    """Draw one candidate for each column ``[run, temperature]``; -1 where there is none."""
    number = run[:, None] * TEMPERATURE_COUNT + columns
    found = np.searchsorted(table.key, number + point, side="right")
    return np.where(table.empty[run[:, None], columns], -1, table.scan[found])
