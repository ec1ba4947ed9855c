"""Greedy choice of an ensemble's members on out-of-fold predictions.

The write-up's first table: models are added one by one, each time the one that helps the plain mean
most, until all are in; the size with the best score is taken. That score was chosen and measured on
the same runs, so it is optimistic; that of `nested_selection` is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import FloatArray
from egams.ensemble.average import mean_probability
from egams.ensemble.out_of_fold import held_out_masks
from egams.errors import ConfigError, InputError
from egams.logloss import log_loss_of_truth, mean_log_loss, truth_probability

# Losses equal to this many decimals are ties, so that the order of summation decides nothing.
_DECIMALS = 12


@dataclass(frozen=True)
class Selection:
    """Members in the order they were added, until the last.

    Parameters
    ----------
    added
        Member added at each size ``[size]``.
    scores
        Mean log loss of the plain mean of the members so far ``[size]``.
    single_scores
        Mean log loss of the member added, alone ``[size]``.
    size
        Best size: the lowest score, and of equal ones the smallest.
    """

    added: tuple[str, ...]
    scores: tuple[float, ...]
    single_scores: tuple[float, ...]
    size: int

    @property
    def members(self) -> tuple[str, ...]:
        """Members of the best ensemble, in the order they were added."""
        return self.added[: self.size]


@dataclass(frozen=True, eq=False)
class NestedSelection:
    """Members chosen for each fold on the runs of the other folds.

    Parameters
    ----------
    selections
        For each fold, ascending, what was chosen without it.
    probabilities
        Mean of the chosen members on the fold they were chosen for ``[run, family]``.
    score
        Mean log loss of `probabilities`.
    size_scores
        Mean log loss if each fold takes the first n members of its own order ``[size]``:
        the write-up's table, nested.
    """

    selections: tuple[Selection, ...]
    probabilities: FloatArray
    score: float
    size_scores: tuple[float, ...]


def select_members(
    labels: ArrayLike,
    probabilities: ArrayLike,
    names: Sequence[str],
    *,
    max_size: int | None = None,
) -> Selection:
    """Add members one by one, each time the one that lowers the log loss of the plain mean most.

    Starts from the best single member. (The write-up's table starts from its third best, without a
    reason.) Ties go to the name that sorts first, so the order of `names` changes nothing.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        Out-of-fold probabilities of each member ``[member, run, family]``.
    names
        Name of each member.
    max_size
        Last size to try; the number of members if None.

    Raises
    ------
    InputError
        If names do not fit the probabilities or repeat; and as `truth_probability`.
    ConfigError
        If `max_size` is below 1 or above the number of members.
    """
    p = _checked_members(probabilities, names)
    steps = len(names) if max_size is None else max_size
    if not 1 <= steps <= len(names):
        raise ConfigError(f"max_size is {steps}; expected 1 to {len(names)}")
    by_name = np.argsort(np.asarray(names), kind="stable")
    truth = truth_probability(labels, p[by_name])
    singles = log_loss_of_truth(truth).mean(axis=(1, 2))

    total = np.zeros(truth.shape[1:])
    free = np.arange(len(names))
    order, scores = [], []
    for size in range(1, steps + 1):
        losses = log_loss_of_truth((total + truth[free]) / size).mean(axis=(1, 2))
        pick = int(np.argmin(np.round(losses, _DECIMALS)))
        member = int(free[pick])
        order.append(member)
        scores.append(float(losses[pick]))
        total += truth[member]
        free = np.delete(free, pick)
    return Selection(
        added=tuple(names[by_name[member]] for member in order),
        scores=tuple(scores),
        single_scores=tuple(singles[order].tolist()),
        size=int(np.argmin(np.round(scores, _DECIMALS))) + 1,
    )


def nested_selection(
    labels: ArrayLike,
    probabilities: ArrayLike,
    names: Sequence[str],
    folds: ArrayLike,
    *,
    max_size: int | None = None,
) -> NestedSelection:
    """Choose members and size for each fold on the other folds, and score them on this one.

    What is nested is the choice. The members themselves are the usual out-of-fold ones: those that
    predict the other folds were trained on this fold too.

    Parameters as `select_members`; `folds` is the fold of each run ``[run]``.

    Raises
    ------
    InputError
        As `select_members`, or if there is only one fold.
    """
    y = np.asarray(labels)
    p = _checked_members(probabilities, names)
    selections = []
    by_size = np.empty((len(names), *y.shape))
    chosen = np.empty(y.shape)
    for held in held_out_masks(folds, len(y)):
        selection = select_members(y[~held], p[:, ~held], names, max_size=max_size)
        order = [names.index(name) for name in selection.added]
        sizes = np.arange(1, len(order) + 1)[:, None, None]
        # Rounding may carry a mean of ones past 1, which every scorer refuses.
        means = np.minimum(p[order][:, held].cumsum(axis=0, dtype=np.float64) / sizes, 1.0)
        by_size[: len(means), held] = means
        chosen[held] = means[selection.size - 1]
        selections.append(selection)
    truth = truth_probability(y, by_size[:max_size])
    size_scores = log_loss_of_truth(truth).mean(axis=(1, 2))
    return NestedSelection(
        selections=tuple(selections),
        probabilities=chosen,
        score=mean_log_loss(y, chosen),
        size_scores=tuple(size_scores.tolist()),
    )


def selected_mean(
    probabilities: ArrayLike, names: Sequence[str], selection: Selection
) -> FloatArray:
    """Mean of a selection's members at its best size ``[run, family]``.

    `probabilities` are those of every member of `names` ``[member, run, family]``, on any runs.
    """
    p = _checked_members(probabilities, names)
    return mean_probability(p[[names.index(name) for name in selection.members]])


def _checked_members(probabilities: ArrayLike, names: Sequence[str]) -> NDArray[np.floating]:
    p: NDArray[np.floating] = np.asarray(probabilities)
    if p.ndim != 3 or len(p) != len(names):
        raise InputError(
            f"{len(names)} names for probabilities of shape {p.shape}",
            expected="[member, run, family], one name for each member",
        )
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise InputError(f"two members are called '{twice[0]}'", expected="different names")
    return p
