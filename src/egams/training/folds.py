"""Folds: which runs are held out when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.artifact import header, write_json
from egams.errors import ArtifactError

SAM_FOLD = "sam"
KIND = "folds"
FORMAT_VERSION = 1
MOST_COMPARED = 800
"""Runs among which the next exchange is looked for."""


@dataclass(frozen=True)
class Folds:
    """Fold of each run.

    Parameters
    ----------
    run_ids
        ``[run]``.
    fold
        0 .. count - 1 ``[run]``.
    """

    run_ids: tuple[str, ...]
    fold: NDArray[np.intp]

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    def save(self, path: Path) -> None:
        """Write as JSON."""
        assignment = {run: int(fold) for run, fold in zip(self.run_ids, self.fold, strict=True)}
        write_json(path, header(KIND, FORMAT_VERSION) | {"fold": assignment})

    @classmethod
    def load(cls, path: Path, run_ids: tuple[str, ...]) -> Folds:
        """Read the folds of the given runs.

        Raises
        ------
        ArtifactError
            If the file is no folds file, of another format, or of other runs.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            made_by = content["kind"], content["format_version"]
            assignment = {run: int(fold) for run, fold in content["fold"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{path}: not a folds file ({error!r}).") from error
        if made_by != (KIND, FORMAT_VERSION):
            raise ArtifactError(
                f"{path}: a {made_by[0]} file of format {made_by[1]}; "
                f"expected {KIND} of format {FORMAT_VERSION}. Make the folds anew."
            )
        differing = sorted(set(run_ids) ^ set(assignment))
        if differing:
            lacking = "no fold for" if differing[0] in run_ids else "a fold for unknown"
            raise ArtifactError(
                f"{path}: {lacking} run '{differing[0]}', and {len(differing) - 1} more runs "
                "differ. Folds belong to the store they were made for; make them anew."
            )
        return cls(run_ids, np.array([assignment[run] for run in run_ids], dtype=np.intp))


def make_folds(
    run_ids: tuple[str, ...],
    labels: NDArray[np.float32],
    instruments: NDArray[np.str_],
    count: int,
    rng: np.random.Generator,
) -> Folds:
    """Spread instruments, each family, and runs without any, evenly over folds.

    The shuffled runs of each instrument are dealt like cards: folds differ by one run at most, of
    each instrument too. Then two runs of one instrument change places, each time the two that
    bring the families nearest to even, until no two would.

    Parameters
    ----------
    labels
        ``[run, family]``.
    """
    fold = np.empty(len(run_ids), dtype=np.intp)
    dealt = 0
    for instrument in np.unique(instruments):
        rows = rng.permutation(np.flatnonzero(instruments == instrument))
        fold[rows] = (dealt + np.arange(len(rows))) % count
        dealt += len(rows)
    without_any = labels.sum(1, keepdims=True) == 0
    marks = np.concatenate([labels, without_any], axis=1).astype(np.float64)
    while True:
        rows = _some(len(run_ids), rng)
        change = _change_by_exchange(marks, fold, count, rows)
        change[instruments[rows][:, None] != instruments[rows]] = 0
        first, second = np.unravel_index(change.argmin(), change.shape)
        if change[first, second] >= 0:
            return Folds(run_ids, fold)
        pair = rows[[first, second]]
        fold[pair] = fold[pair[::-1]]


def _some(count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    # All pairs of many thousand runs would fill the memory, and are not needed.
    if count <= MOST_COMPARED:
        return np.arange(count)
    return rng.choice(count, MOST_COMPARED, replace=False)


def _change_by_exchange(
    marks: NDArray[np.float64], fold: NDArray[np.intp], count: int, rows: NDArray[np.intp]
) -> NDArray[np.float64]:
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
    change: NDArray[np.float64] = in_fold_of + in_fold_of.T - own[:, None] - own + apart
    return change
