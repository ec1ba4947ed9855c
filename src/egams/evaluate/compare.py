"""Two experiments on the same runs: how far their log loss differs, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.errors import ArtifactError, ConfigError
from egams.evaluate.bootstrap import LEVEL, RESAMPLES, Interval, interval, resampled
from egams.evaluate.table import Cell, Table
from egams.families import INSTRUMENTS
from egams.logloss import run_losses
from egams.study.gather import near_duplicates
from egams.study.study import Study


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


def verdict(change: Interval) -> str:
    """Put in words what a change in loss amounts to."""
    if change.high < 0:
        return "better: the interval excludes zero"
    if change.low > 0:
        return "worse: the interval excludes zero"
    return "no difference shown: the interval includes zero"


def comparison_table(pair: Pair, rng: np.random.Generator) -> Table:
    """Change in mean log loss of the second experiment against the first, and by instrument.

    Parameters
    ----------
    rng
        Draws the resamples.
    """
    parts = {"all runs": np.ones(len(pair.first), dtype=bool)}
    parts |= {name: pair.instruments == name for name in INSTRUMENTS if name in pair.instruments}
    rows: list[tuple[Cell, ...]] = []
    for name, runs in parts.items():
        first, second = pair.first[runs], pair.second[runs]
        groups = None if pair.groups is None else pair.groups[runs]
        change = interval(second - first, rng, groups)
        losses = float(first.mean()), float(second.mean())
        rows.append((name, len(first), *losses, *change, verdict(change)))
    return Table(
        ("part", "runs", "A", "B", "change", "low", "high", "B is"),
        tuple(rows),
        f"Mean log loss, out of fold. A: {pair.names[0]}. B: {pair.names[1]}. change: B less A, "
        f"below 0 where B is better; interval: {100 * LEVEL:.0f} % of {RESAMPLES} resamples of the "
        f"{resampled(pair.groups)}, the same for both.",
    )


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
    groups = near_duplicates(study, ids)
    return Pair(
        names=(first, second)
        if other is None
        else (f"{first} of {study.folder}", f"{second} of {other.folder}"),
        first=losses,
        second=other_losses,
        instruments=np.array([truth[run].instrument for run in ids]),
        groups=near_duplicates(beside, ids) if groups is None else groups,
    )


def _losses(study: Study, experiment: str) -> tuple[list[str], FloatArray]:
    """Ids of the runs, sorted, and the loss of each ``[run]``."""
    there = study.experiments()
    if experiment not in there:
        raise ConfigError(
            f"{study.folder}: no experiment '{experiment}'; there are {', '.join(there)}."
        )
    held_out = study.out_of_fold(experiment, [str(k) for k in range(study.manifest.folds)])
    order = np.argsort(np.array(held_out.run_ids))
    run_ids: list[str] = np.array(held_out.run_ids)[order].tolist()
    truth = study.truth()
    labels = np.array([truth[run].labels for run in run_ids])
    mean = held_out.probabilities.mean(0, dtype=np.float64)[order]
    return run_ids, run_losses(labels, mean)
