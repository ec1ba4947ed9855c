"""The tables of a study. Each caption says which runs a choice was made on and which scored it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import FloatArray, IntArray
from egams.ensemble.average import draw_groups, mean_probability
from egams.ensemble.calibration import Instruments
from egams.ensemble.clip import CLIP_GRID, choose_clip, clip_probabilities, nested_clip
from egams.ensemble.out_of_fold import OutOfFoldPredictions, held_out_masks
from egams.ensemble.selection import NestedSelection, Selection, nested_selection, selected_mean
from egams.evaluate.bootstrap import LEVEL, interval, resampled
from egams.evaluate.metrics import average_precision, calibration_error, mean_defined, roc_auc
from egams.evaluate.table import Cell, Table
from egams.families import FAMILIES, INSTRUMENTS
from egams.logloss import mean_log_loss, run_losses

OUT_OF_FOLD = "Each run is scored by models that were not trained on it."
NESTED = "Members chosen on the runs of the other folds; scored on the held-out fold."
DRAWS = (1, 2, 4, 8, 16)


def score_table(
    labels: ArrayLike,
    probabilities: ArrayLike,
    instruments: Instruments | None,
    rng: np.random.Generator,
    *,
    groups: IntArray | None = None,
    basis: str = OUT_OF_FOLD,
) -> Table:
    """Scores over all runs, of each instrument and of each family.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``, families as in `egams.families.FAMILIES`.
    probabilities
        ``[run, family]``.
    instruments
        Instrument of each run ``[run]``; None where it is not known.
    rng
        Draws the resamples of the intervals.
    groups
        Group of near-duplicates of each run ``[run]``; None where intervals resample runs.
    basis
        Sentence of the caption that says how the probabilities came about.
    """
    y, p = np.asarray(labels), np.asarray(probabilities)
    every = np.ones(len(y), dtype=bool)
    parts = {"all runs": (every, slice(None))}
    if instruments is not None:
        of = np.asarray(instruments)
        parts |= {name: (of == name, slice(None)) for name in INSTRUMENTS if name in of}
    parts |= {family: (every, slice(i, i + 1)) for i, family in enumerate(FAMILIES)}
    rows: list[tuple[Cell, ...]] = []
    for name, (runs, families) in parts.items():
        truth, guess = y[runs, families], p[runs, families]
        of_part = None if groups is None else groups[runs]
        loss = interval(run_losses(truth, guess), rng, of_part)
        counts = (len(truth), int(truth.sum()))
        rows.append((name, *loss, *_other_scores(truth, guess), *counts))
    return Table(
        ("part", "log loss", "low", "high", "AP", "ROC AUC", "ECE", "runs", "positives"),
        tuple(rows),
        f"Scores. {basis} {intervals_of(groups)} AP and ROC AUC: mean over the families that occur "
        "both with and without. ECE: 15 bins of equal width, all entries pooled.",
    )


def experiment_table(
    labels: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    instruments: Instruments,
    rng: np.random.Generator,
    *,
    groups: IntArray | None = None,
) -> Table:
    """Compare experiments on the same runs, best first, each with its difference to the best.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    predictions
        Out-of-fold probabilities of each experiment ``[run, family]``.
    instruments
        Instrument of each run ``[run]``.
    rng
        Draws the resamples of the intervals.
    groups
        Group of near-duplicates of each run ``[run]``; None where intervals resample runs.
    """
    y, of = np.asarray(labels), np.asarray(instruments)
    p = {name: np.asarray(values) for name, values in predictions.items()}
    losses = {name: run_losses(y, values) for name, values in p.items()}
    order = sorted(p, key=lambda name: (float(losses[name].mean()), name))
    rows: list[tuple[Cell, ...]] = []
    for name in order:
        loss = interval(losses[name], rng, groups)
        gap = interval(losses[name] - losses[order[0]], rng, groups)
        behind = (None,) * 3 if name == order[0] else gap
        each = [float(losses[name][of == i].mean()) if i in of else None for i in INSTRUMENTS]
        rows.append((name, *loss, *behind, *each, *_other_scores(y, p[name])))
    return Table(
        (
            *("experiment", "log loss", "low", "high"),
            *("behind the best", "behind low", "behind high"),
            *(f"log loss {name}" for name in INSTRUMENTS),
            *("AP", "ROC AUC", "ECE"),
        ),
        tuple(rows),
        f"Experiments alone, out of fold. {OUT_OF_FOLD} {intervals_of(groups)} 'behind the best' "
        "compares on the same resamples; which experiment is best was decided on these same runs.",
    )


def intervals_of(groups: IntArray | None) -> str:
    """Sentence of a caption: what the intervals are."""
    return f"Intervals: {100 * LEVEL:.0f} % of resamples of the {resampled(groups)}."


def _other_scores(y: NDArray[np.generic], p: NDArray[np.generic]) -> tuple[float, float, float]:
    """Mean AP, mean ROC AUC, and ECE."""
    ap, auc = average_precision(y, p), roc_auc(y, p)
    return mean_defined(ap), mean_defined(auc), calibration_error(y, p)


def selection_table(selection: Selection, nested: NestedSelection) -> Table:
    """Ensemble size against score, as in the write-up, beside the nested scores.

    Parameters
    ----------
    selection
        `egams.ensemble.selection.select_members` over all runs.
    nested
        `egams.ensemble.selection.nested_selection` over the same members; its scores are the
        last column.
    """
    sizes = range(1, len(selection.added) + 1)
    mark = ["best" if size == selection.size else "" for size in sizes]
    scores = selection.scores, selection.single_scores, mark, nested.size_scores
    rows = zip(sizes, selection.added, *scores, strict=True)
    caption = (
        "Ensemble size against mean log loss, out of fold. Columns 'ensemble' and 'best': "
        "Members chosen on the same runs they are scored on, so the scores are optimistic. Column "
        f"'nested', where each fold has an order of its own: {NESTED} With the size chosen in the "
        f"same way: {nested.score:.4f}."
    )
    columns = ("size", "model added", "ensemble", "single", "best", "nested")
    return Table(columns, tuple(rows), caption)


def tta_table(scored: OutOfFoldPredictions) -> Table:
    """Number of test-time draws against score: best ensemble, full ensemble, best single model.

    A count of n is scored on every disjoint group of n draws and the scores are averaged. (The
    write-up's table takes one group, and its scores go up and down by luck.) Members are chosen
    once, with all draws, nested.
    """
    y, p, names, folds = scored.labels, scored.probabilities, scored.names, scored.folds
    means = scored.mean_over_draws
    best = nested_selection(y, means, names, folds)
    single = nested_selection(y, means, names, folds, max_size=1)

    def score(group: FloatArray, chosen: NestedSelection) -> float:
        averaged = np.empty(y.shape)
        for held, selection in zip(held_out_masks(folds, len(y)), chosen.selections, strict=True):
            averaged[held] = selected_mean(group[:, held], names, selection)
        return mean_log_loss(y, averaged)

    rows: list[tuple[Cell, ...]] = []
    for count in (count for count in DRAWS if count <= p.shape[1]):
        groups = draw_groups(p, count)
        scores = [
            (score(group, best), mean_log_loss(y, mean_probability(group)), score(group, single))
            for group in groups
        ]
        rows.append((count, len(groups), *np.mean(scores, axis=0).tolist()))
    return Table(
        ("draws", "groups", "best ensemble", "full ensemble", "best single"),
        tuple(rows),
        "Test-time draws against mean log loss, out of fold; mean score over disjoint groups of "
        f"draws. {NESTED} The best single model likewise.",
    )


def clip_table(
    labels: ArrayLike, probabilities: ArrayLike, instruments: Instruments, folds: ArrayLike
) -> Table:
    """Clip against score for each instrument, and what nested choice makes of it.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        Out-of-fold probabilities ``[run, family]``, not clipped.
    instruments
        Instrument of each run ``[run]``.
    folds
        Fold of each run ``[run]``; a row for each instrument shows the nested choice.
    """
    y, p, of = np.asarray(labels), np.asarray(probabilities), np.asarray(instruments)
    chosen = choose_clip(y, p, of)
    nested = nested_clip(y, p, of, folds)
    rows: list[tuple[Cell, ...]] = []
    for name in (name for name in INSTRUMENTS if name in of):
        runs, choice = of == name, chosen[name]
        for clip in sorted({*CLIP_GRID, choice.clip}):
            score = mean_log_loss(y[runs], clip_probabilities(p[runs], clip))
            rows.append((name, clip, score, "chosen" if clip == choice.clip else ""))
        score = mean_log_loss(y[runs], nested.probabilities[runs])
        clips = ", ".join(f"{fold[name].clip:g}" for fold in nested.choices)
        rows.append((name, None, score, f"nested: {clips}"))
    notes = [
        f"{choice.note[0].upper()}{choice.note[1:]}." for choice in chosen.values() if choice.note
    ]
    caption = (
        "Clip c, p -> p (1 - 2c) + c, of the plain mean of the members that forward selection on "
        "all runs takes, against mean log loss, out of fold. The weighted ensemble has clips of "
        "its own, behind its calibration. Rows with a clip: chosen on the runs they are scored "
        "on, so the best is optimistic. Rows 'nested': only the clip is chosen, on "
        "the runs of the other folds; scored on the held-out fold."
    )
    return Table(
        ("instrument", "clip", "log loss", "choice"), tuple(rows), " ".join([caption, *notes])
    )
