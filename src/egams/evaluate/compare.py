"""Two experiments on the same runs: how far their log loss differs, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import FloatArray, IntArray
from egams.errors import ArtifactError, ConfigError, InputError
from egams.evaluate.bootstrap import RESAMPLES, Interval
from egams.evaluate.table import Cell, Table
from egams.families import INSTRUMENTS
from egams.logloss import log_loss_of_truth, truth_probability
from egams.study.folds import Folds
from egams.study.study import Study

LEVEL = 0.95
ALL = "all runs"


@dataclass(frozen=True)
class Pair:
    """Losses of two experiments on the same runs.

    Parameters
    ----------
    names
        Of the first and the second.
    first, second
        Mean log loss of each run over the families ``[run]``.
    instruments
        ``[run]``.
    groups
        Number of the group of near-duplicate runs of each run ``[run]``; None where the folds are
        not grouped.
    """

    names: tuple[str, str]
    first: FloatArray
    second: FloatArray
    instruments: NDArray[np.str_]
    groups: IntArray | None


def run_losses(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Mean log loss of each run over the families ``[run]``.

    Raises
    ------
    InputError
        As `egams.logloss.truth_probability`.
    """
    losses: FloatArray = log_loss_of_truth(truth_probability(labels, probabilities)).mean(-1)
    return losses


def change_in_loss(
    first: FloatArray,
    second: FloatArray,
    rng: np.random.Generator,
    *,
    groups: IntArray | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean loss of the second less that of the first: below 0, the second is better.

    Percentile interval of a paired bootstrap: each resample takes the same runs for both, so runs
    that are hard for both cancel (Efron and Tibshirani 1993, ch. 13). With groups, whole groups
    are resampled, since near-duplicate runs are won or lost together (Davison and Hinkley 1997,
    section 3.8).

    Parameters
    ----------
    first, second
        Loss of each run ``[run]``.
    rng
        Draws the resamples.
    groups
        Number of the group of each run ``[run]``; None resamples runs.
    resamples
        How many.

    Raises
    ------
    InputError
        If there is no run, or not as many of one as of the other.
    ConfigError
        If `resamples` is below 1.
    """
    if len(first) == 0 or len(first) != len(second):
        raise InputError(
            f"{len(first)} runs against {len(second)}", expected="the same runs, at least one"
        )
    if resamples < 1:
        raise ConfigError(f"resamples is {resamples}; expected 1 or more.")
    _, group = np.unique(np.arange(len(first)) if groups is None else groups, return_inverse=True)
    change = np.bincount(group, second - first)
    runs = np.bincount(group).astype(np.float64)
    count = len(runs)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    means = (drawn @ change) / (drawn @ runs)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(change.sum() / runs.sum()), float(low), float(high), LEVEL)


def verdict(change: Interval) -> str:
    """Say in words what a change in loss amounts to."""
    if change.high < 0:
        return "better: the interval excludes zero"
    if change.low > 0:
        return "worse: the interval excludes zero"
    return "not told apart: the interval holds zero"


def comparison_table(pair: Pair, rng: np.random.Generator, *, resamples: int = RESAMPLES) -> Table:
    """Change in mean log loss of the second experiment against the first, and by instrument.

    Parameters
    ----------
    rng
        Draws the resamples.
    """
    parts = {ALL: np.ones(len(pair.first), dtype=bool)}
    parts |= {name: pair.instruments == name for name in INSTRUMENTS if name in pair.instruments}
    rows: list[tuple[Cell, ...]] = []
    for name, runs in parts.items():
        first, second = pair.first[runs], pair.second[runs]
        groups = None if pair.groups is None else pair.groups[runs]
        change = change_in_loss(first, second, rng, groups=groups, resamples=resamples)
        losses = float(first.mean()), float(second.mean())
        ends = change.estimate, change.low, change.high
        rows.append((name, len(first), *losses, *ends, verdict(change)))
    what = "runs" if pair.groups is None else "groups of near-duplicate runs"
    return Table(
        ("part", "runs", "A", "B", "change", "low", "high", "B is"),
        tuple(rows),
        f"Mean log loss, out of fold. A: {pair.names[0]}. B: {pair.names[1]}. change: B less A, "
        f"below 0 where B is better; interval: {100 * LEVEL:.0f} % of {resamples} resamples of the "
        f"{what}, the same for both.",
    )


def ablation_line(what: str, change: Interval, grouped: Interval | None = None) -> str:
    """One row of a Markdown table: ``| what | change | interval | grouped change | interval |``.

    Parameters
    ----------
    what
        The ingredient.
    change, grouped
        What it does to the log loss on ordinary and on grouped folds; None where it was not tried.
    """
    cells = [what.replace("|", "\\|"), *_cells(change), *_cells(grouped)]
    return f"| {' | '.join(cells)} |"


def _cells(change: Interval | None) -> tuple[str, str]:
    if change is None:
        return "n/a", "n/a"
    return f"{change.estimate:+.4f}", f"{change.low:+.4f} to {change.high:+.4f}"


def compare_experiments(study: Study, first: str, second: str, other: Study | None = None) -> Pair:
    """Losses of two experiments of a study, or of two studies, on the runs both predicted.

    Parameters
    ----------
    study
        Holds the first experiment.
    first, second
        Names of experiments.
    other
        Holds the second experiment; None if `study` does. Its folds may differ. If those of
        either are grouped, groups are resampled.

    Raises
    ------
    ConfigError
        If a study has no such experiment.
    ArtifactError
        If an experiment has not finished all folds, or the studies are of different runs or
        labels.
    """
    beside = other or study
    ids, losses = _losses(study, first)
    other_ids, other_losses = _losses(beside, second)
    truth, other_truth = study.truth(), beside.truth()
    differing = sorted(set(ids) ^ set(other_ids)) or [
        run for run in ids if truth[run] != other_truth[run]
    ]
    if differing:
        raise ArtifactError(
            f"{beside.folder}: {len(differing)} runs, '{differing[0]}' among them, are not in both "
            f"this study and {study.folder}, or have other labels. Compare studies of one store."
        )
    return Pair(
        names=(first, second) if other is None else (_place(study, first), _place(other, second)),
        first=losses,
        second=other_losses,
        instruments=np.array([truth[run].instrument for run in ids]),
        groups=_groups(study, ids, _groups(beside, ids, None)),
    )


def _place(study: Study, experiment: str) -> str:
    return f"{experiment} of {study.folder}"


def _groups(study: Study, run_ids: Sequence[str], otherwise: IntArray | None) -> IntArray | None:
    found = Folds.load(study.folds_path, tuple(run_ids)).group
    return otherwise if found is None else found


def _losses(study: Study, experiment: str) -> tuple[list[str], FloatArray]:
    """Ids of the runs, sorted, and the loss of each ``[run]``."""
    there = study.experiments()
    if experiment not in there:
        raise ConfigError(
            f"{study.folder}: no experiment '{experiment}'; there are {', '.join(there)}."
        )
    held_out = study.out_of_fold(experiment, [str(k) for k in range(study.manifest["folds"])])
    order = np.argsort(np.array(held_out.run_ids))
    run_ids: list[str] = np.array(held_out.run_ids)[order].tolist()
    truth = study.truth()
    labels = np.array([truth[run].labels for run in run_ids])
    mean = held_out.probabilities.mean(0, dtype=np.float64)[order]
    return run_ids, run_losses(labels, mean)
