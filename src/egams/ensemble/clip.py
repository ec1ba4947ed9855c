"""Scaling of probabilities away from 0 and 1, for each instrument.

Write-up, "Data postprocessing": a confident wrong answer costs a log loss without bound, so 0..1 is
scaled to c..1 - c. He used 0.002 on commercial runs and 0.01 on the SAM testbed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from egams.arrays import FloatArray
from egams.ensemble.calibration import Instruments, instrument_rows
from egams.ensemble.out_of_fold import held_out_masks
from egams.errors import ConfigError
from egams.families import INSTRUMENTS, Instrument
from egams.logloss import log_loss_of_truth, truth_probability

DEFAULT_CLIPS: Mapping[Instrument, float] = {"commercial": 0.002, "sam_testbed": 0.01}
CLIP_GRID: tuple[float, ...] = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
ALIKE = 2e-4
"""Clips whose log losses differ by less are alike; the largest of them is the most cautious."""

MIN_RUNS = 20
"""With fewer runs a lucky streak without a confident error would argue for no clip at all."""


@dataclass(frozen=True)
class ClipChoice:
    """Clip chosen for one instrument, and what the choice rests on.

    Parameters
    ----------
    clip
        The c of `clip_probabilities`.
    runs
        Runs it was chosen on.
    note
        Why `clip` is not simply the best of the grid; empty where it is.
    """

    clip: float
    runs: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class NestedClip:
    """Clips chosen for each fold on the runs of the other folds.

    Parameters
    ----------
    choices
        For each fold, ascending, the clip of each instrument, chosen without this fold.
    probabilities
        Clipped probabilities ``[run, family]``.
    """

    choices: tuple[dict[Instrument, ClipChoice], ...]
    probabilities: FloatArray


def clip_probabilities(probabilities: ArrayLike, clip: ArrayLike) -> FloatArray:
    """Scale 0..1 to c..1 - c: ``p (1 - 2c) + c`` ``[..., run, family]``.

    `clip` is c, from 0 to below 0.5: one number, or one for each run ``[..., run]``.

    Raises
    ------
    ConfigError
        If c is outside 0..0.5.
    """
    c = np.asarray(clip, dtype=np.float64)
    if not bool(np.all((c >= 0) & (c < 0.5))):
        raise ConfigError(f"clip is {clip!r}; expected a number from 0 to below 0.5")
    c = c[..., None]
    return np.asarray(np.asarray(probabilities, dtype=np.float64) * (1.0 - 2.0 * c) + c)


def run_clips(instruments: Instruments, clips: Mapping[Instrument, float]) -> FloatArray:
    """Clip of each run ``[run]`` from the clip of each instrument.

    Raises
    ------
    InputError
        If an instrument is unknown.
    """
    return np.array([clips[name] for name in INSTRUMENTS])[instrument_rows(instruments)]


def choose_clip(
    labels: ArrayLike, probabilities: ArrayLike, instruments: Instruments
) -> dict[Instrument, ClipChoice]:
    """Choose the clip of each instrument by log loss on out-of-fold probabilities.

    An instrument with fewer than `MIN_RUNS` runs never goes below the method's default
    (`DEFAULT_CLIPS`); its `ClipChoice.note` gives the reason. There is a choice for each of
    `INSTRUMENTS`, also for those without runs.

    Parameters and errors as `egams.ensemble.calibration.fit_calibration`.
    """
    truth = truth_probability(labels, probabilities)
    rows = instrument_rows(instruments, len(truth))
    return {name: _choose(truth[rows == row], name) for row, name in enumerate(INSTRUMENTS)}


def nested_clip(
    labels: ArrayLike, probabilities: ArrayLike, instruments: Instruments, folds: ArrayLike
) -> NestedClip:
    """Choose clips for each fold on the other folds, and apply them to it.

    Parameters as `choose_clip`; `folds` is the fold of each run ``[run]``.

    Raises
    ------
    InputError
        If there is only one fold.
    """
    y, p, names = np.asarray(labels), np.asarray(probabilities), np.asarray(instruments)
    clipped = np.empty(p.shape, dtype=np.float64)
    choices = []
    for held in held_out_masks(folds, len(y)):
        choice = choose_clip(y[~held], p[~held], names[~held])
        clips = run_clips(names[held], {name: chosen.clip for name, chosen in choice.items()})
        clipped[held] = clip_probabilities(p[held], clips)
        choices.append(choice)
    return NestedClip(tuple(choices), clipped)


def _choose(truth: FloatArray, instrument: Instrument) -> ClipChoice:
    grid = np.array(CLIP_GRID)
    runs, default = len(truth), DEFAULT_CLIPS[instrument]
    if runs == 0:
        return ClipChoice(default, 0, f"no {instrument} runs: the method's default {default}")
    scores = log_loss_of_truth(clip_probabilities(truth, grid[:, None])).mean(axis=(1, 2))
    best = float(grid[scores <= scores.min() + ALIKE].max())
    note = ""
    if runs < MIN_RUNS:
        note = (
            f"only {runs} {instrument} runs (fewer than {MIN_RUNS}): "
            f"not below the method's default {default}"
        )
        best = max(best, default)
    return ClipChoice(best, runs, note)
