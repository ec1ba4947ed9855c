"""Folds: which runs are held out when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from egams.arrays import FloatArray, IntArray
from egams.artifact import Artifact
from egams.errors import ArtifactError, ConfigError

SAM_FOLD = "sam"
WHOLE = "whole"
"""Name of the fold that holds nothing out: members that predict new runs."""
MOST_COMPARED = 800
"""Runs among which the next exchange is looked for."""


@dataclass(frozen=True)
class FoldSettings:
    """Into which folds runs are put, and what is trained beside them.

    Parameters
    ----------
    count
        Number of folds, stratified over labels and instrument, kept in ``folds.json``.
    grouped
        Keep near-duplicate runs in one fold: see `egams.study.near_duplicates`. Scores then
        tell how models do on runs unlike those they know, not on repeats.
    sam_fold
        Also train on commercial runs alone and test on SAM testbed runs.
    whole
        Also train on all runs, none held out: the members that a bundle takes if they are there.
    """

    count: int = 4
    grouped: bool = False
    sam_fold: bool = False
    whole: bool = False

    @property
    def names(self) -> list[str]:
        """Names of all that an experiment is trained on, ``"sam"`` and ``"whole"`` last."""
        numbered = [str(fold) for fold in range(self.count)]
        return numbered + [SAM_FOLD] * self.sam_fold + [WHOLE] * self.whole


@dataclass(frozen=True)
class Folds:
    """Fold of each run.

    Parameters
    ----------
    run_ids
        ``[run]``.
    fold
        0 .. count - 1 ``[run]``.
    group
        Number of the group of each run, none of which is in two folds ``[run]``; None where runs
        were dealt one by one.
    """

    run_ids: tuple[str, ...]
    fold: IntArray
    group: IntArray | None = None

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    def save(self, path: Path) -> None:
        """Write as JSON."""
        group = None if self.group is None else _by_run(self.run_ids, self.group)
        FoldsRecord(fold=_by_run(self.run_ids, self.fold), group=group).save(path)

    @classmethod
    def load(cls, path: Path, run_ids: tuple[str, ...]) -> Folds:
        """Read the folds of the given runs.

        Raises
        ------
        ArtifactError
            If the file is no folds file, damaged, of another format, or of other runs.
        """
        kept = FoldsRecord.load(path)
        differing = sorted(set(run_ids) ^ set(kept.fold))
        if differing:
            lacking = "no fold for" if differing[0] in run_ids else "a fold for unknown"
            raise ArtifactError(
                f"{path}: {lacking} run '{differing[0]}', and {len(differing) - 1} more runs "
                "differ. Folds belong to the store they were made for; make them anew."
            )
        fold = np.array([kept.fold[run] for run in run_ids], dtype=np.intp)
        if kept.group is None:
            return cls(run_ids, fold)
        return cls(run_ids, fold, np.array([kept.group[run] for run in run_ids], dtype=np.intp))


class FoldsRecord(Artifact):
    """Fold of each run by run id, and its group where folds are grouped."""

    kind = "folds"
    format_version = 2
    file = "folds.json"
    again = "Make the folds anew."

    fold: Mapping[str, Annotated[int, Field(ge=0)]]
    group: Mapping[str, int] | None = None

    @model_validator(mode="after")
    def _of_the_same_runs(self) -> Self:
        if self.group is not None and set(self.group) != set(self.fold):
            raise ValueError("its groups are of other runs than its folds")
        return self


def _by_run(run_ids: tuple[str, ...], numbers: IntArray) -> dict[str, int]:
    return dict(zip(run_ids, numbers.tolist(), strict=True))


def make_folds(
    run_ids: tuple[str, ...],
    labels: NDArray[np.float32],
    instruments: NDArray[np.str_],
    count: int,
    rng: np.random.Generator,
    groups: IntArray | None = None,
) -> Folds:
    """Spread instruments, each family, and runs without any, evenly over folds.

    The shuffled runs of each instrument are dealt like cards: folds differ by one run at most, of
    each instrument too. Then two runs of one instrument change places, each time the two that
    bring the families nearest to even, until no two would.

    With groups, each is dealt whole, the largest first, to the fold with the fewest runs; then
    two groups of any size change places, or one moves, as long as that brings families,
    instruments and runs nearer to even. The folds then depend on the ids of the runs, not on
    their order.

    Parameters
    ----------
    labels
        ``[run, family]``.
    groups
        Number of the group of each run ``[run]``; None lets every run go its own way.

    Raises
    ------
    ConfigError
        If there are fewer groups than folds.
    """
    without_any = labels.sum(1, keepdims=True) == 0
    marks = np.concatenate([labels, without_any], axis=1).astype(np.float64)
    if groups is not None:
        return Folds(run_ids, _deal_whole(run_ids, marks, instruments, count, rng, groups), groups)
    fold = np.empty(len(run_ids), dtype=np.intp)
    dealt = 0
    for instrument in np.unique(instruments):
        rows = rng.permutation(np.flatnonzero(instruments == instrument))
        fold[rows] = (dealt + np.arange(len(rows))) % count
        dealt += len(rows)
    return Folds(run_ids, _evened_out(marks, fold, instruments, count, rng))


def _deal_whole(
    run_ids: tuple[str, ...],
    marks: FloatArray,
    instruments: NDArray[np.str_],
    count: int,
    rng: np.random.Generator,
    groups: IntArray,
) -> IntArray:
    """Fold of each run, all runs of a group in one ``[run]``."""
    by_id = np.argsort(np.array(run_ids))
    _, first, inverse = np.unique(groups[by_id], return_index=True, return_inverse=True)
    if len(first) < count:
        raise ConfigError(
            f"{len(first)} groups of runs for {count} folds; expected at least {count}. "
            "Ask for fewer folds, or for folds that are not grouped."
        )
    number = np.empty(len(groups), dtype=np.intp)
    number[by_id] = first.argsort().argsort()[inverse]
    of_instrument = instruments[:, None] == np.unique(instruments)
    every = np.ones((len(groups), 1))
    whole = np.zeros((len(first), marks.shape[1] + of_instrument.shape[1] + 1))
    np.add.at(whole, number, np.concatenate([marks, of_instrument, every], axis=1))

    shuffled = rng.permutation(len(first))
    largest_first = shuffled[np.argsort(-whole[shuffled, -1], kind="stable")]
    fold = np.empty(len(first), dtype=np.intp)
    size = np.zeros(count)
    for group in largest_first:
        fold[group] = size.argmin()
        size[fold[group]] += whole[group, -1]

    # Changing places with nothing is a move: each fold is given one group without runs.
    whole = np.concatenate([whole, np.zeros((count, whole.shape[1]))])
    fold = np.concatenate([fold, np.arange(count)])
    return _evened_out(whole, fold, np.zeros(len(fold)), count, rng, nothings=count)[number]


def _evened_out(
    marks: FloatArray,
    fold: IntArray,
    kinds: NDArray[Any],
    count: int,
    rng: np.random.Generator,
    nothings: int = 0,
) -> IntArray:
    """Exchange rows of one kind between folds, the best two each time, until no two help.

    The last `nothings` rows are one nothing for each fold, back in its place after each exchange.
    """
    something = len(fold) - nothings
    nothing = something + np.arange(nothings)
    while True:
        # All pairs of many thousand runs would fill the memory, and are not needed.
        some = (
            np.arange(something)
            if something <= MOST_COMPARED
            else rng.choice(something, MOST_COMPARED, replace=False)
        )
        rows = np.concatenate([some, nothing])
        change = _change_by_exchange(marks, fold, count, rows)
        change[kinds[rows][:, None] != kinds[rows]] = 0
        first, second = np.unravel_index(change.argmin(), change.shape)
        if change[first, second] >= 0:
            return fold
        pair = rows[[first, second]]
        fold[pair] = fold[pair[::-1]]
        fold[nothing] = np.arange(nothings)


def _change_by_exchange(
    marks: FloatArray, fold: IntArray, count: int, rows: IntArray
) -> FloatArray:
    """Half the change of the sum of squared counts of each mark in each fold ``[row, row]``.

    Rows i and j of folds a and b, with counts C, would change it by
    2 (x_j - x_i) . (C_a - C_b) + 2 |x_j - x_i|^2.
    """
    counts = np.stack([marks[fold == number].sum(0) for number in range(count)])
    x, of = marks[rows], fold[rows]
    in_fold_of = (x @ counts.T)[:, of]
    own = in_fold_of.diagonal()
    square = (x**2).sum(1)
    apart = square[:, None] + square - 2 * x @ x.T
    return np.asarray(in_fold_of + in_fold_of.T - own[:, None] - own + apart)
