"""All tables of a study at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import BoolArray, IntArray
from egams.ensemble.average import mean_probability
from egams.ensemble.calls import WRONGLY_ABSENT, WRONGLY_PRESENT, call_rates
from egams.ensemble.ensemble import (
    Ensemble,
    ensemble_scores,
    fit_to,
    nested_ensemble,
)
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.ensemble.selection import nested_selection, select_members
from egams.errors import ArtifactError
from egams.evaluate.correlation import correlation_tables
from egams.evaluate.metrics import calibration_error
from egams.evaluate.table import Cell, Table
from egams.evaluate.tables import (
    OUT_OF_FOLD,
    clip_table,
    experiment_table,
    intervals_of,
    score_table,
    selection_table,
    tta_table,
)
from egams.experiments.experiment import ENSEMBLE
from egams.families import FAMILIES, INSTRUMENTS
from egams.logloss import log_loss_of_truth, mean_log_loss, truth_probability
from egams.study.gather import (
    lacking_predictions,
    left_out,
    near_duplicates,
    study_predictions,
)
from egams.study.study import Study

LIMITS = (1, 2, 4, 8, 16)


def study_tables(
    study: Study,
    rng: np.random.Generator,
    *,
    at_most: int | None = None,
    with_weights: bool = False,
) -> dict[str, Table]:
    """Make the tables of a study, by name, as `egams.evaluate.study_report.SECTIONS` lists them.

    Parameters
    ----------
    study
        With at least one experiment that has finished all folds. Of those that have not, table
        ``left-out`` says why they are in no other.
    rng
        Draws the resamples of the intervals.
    at_most
        Most experiments in the ensemble: see `egams.ensemble.ensemble.fit_ensemble`.
    with_weights
        Leave out what is known by its predictions alone, as a bundle does.

    Raises
    ------
    ArtifactError
        If no experiment has finished.
    """
    scored = study_predictions(study, with_weights=with_weights)
    y, mean, of, folds = scored.labels, scored.mean_over_draws, scored.instruments, scored.folds
    groups = near_duplicates(study, scored.run_ids)
    selection = select_members(y, mean, scored.names)
    members = [scored.names.index(name) for name in selection.members]
    ensemble = fit_to(scored, at_most=at_most)
    nested = nested_ensemble(scored, at_most=at_most)
    called = ENSEMBLE if at_most is None else f"{ENSEMBLE} of at most {at_most}"
    alone = dict(zip(scored.names, mean, strict=True))
    of_odds, of_errors = correlation_tables(y, mean, scored.names)
    made = {
        "experiments": experiment_table(y, alone, of, rng, groups=groups),
        "ensemble-size": selection_table(selection, nested_selection(y, mean, scored.names, folds)),
        "ensemble-limits": limit_table(scored, at_most),
        "draws": tta_table(scored),
        "clips": clip_table(y, mean_probability(mean[members]), of, folds),
        "weights": _weight_table(ensemble),
        "scores": score_table(
            y,
            nested.probabilities,
            of,
            rng,
            groups=groups,
            basis=f"The {called}, out of fold: weights, calibration and clips of each fold were "
            "fitted on the other folds.",
        ),
        "parts": parts_table(y, {called: nested.probabilities} | alone, of),
        "correlation-logits": of_odds,
        "correlation-errors": of_errors,
        "calls": call_table(y, nested.calls, of),
    }
    lacking = lacking_predictions(study, scored.names)
    if lacking is not None:
        made["lacking"] = lacking_table(scored, lacking, at_most)
    reasons = left_out(study, with_weights=with_weights)
    with suppress(ArtifactError):  # most studies have no fold "sam"
        sam = study_predictions(study, sam_fold=True, with_weights=with_weights)
        made["sam-fold"] = _sam_table(sam, ensemble, rng, near_duplicates(study, sam.run_ids))
        reasons |= left_out(study, sam_fold=True)
    return made | {"left-out": _left_out_table(reasons)}


def limit_table(scored: OutOfFoldPredictions, at_most: int | None = None) -> Table:
    """Score ensembles of at most so many experiments, nested, beside the plain mean of theirs.

    Parameters
    ----------
    scored
        Out-of-fold predictions.
    at_most
        A limit that is to be among those of the table.
    """
    y, mean = scored.labels, scored.mean_over_draws
    count = len(scored.names)
    limits = sorted({limit for limit in (*LIMITS, at_most or count) if limit < count} | {count})
    rows: list[tuple[Cell, ...]] = []
    for limit in limits:
        fitted = fit_to(scored, at_most=limit).without_unused()
        scores = ensemble_scores(scored, at_most=limit)
        plain = nested_selection(y, mean, scored.names, scored.folds, max_size=limit).score
        members = ", ".join(fitted.names)
        rows.append((limit, scores["nested"], plain, scores["in_sample"], members))
    return Table(
        ("at most", "nested", "plain mean, nested", "same runs", "experiments"),
        tuple(rows),
        "Ensembles of at most so many experiments against mean log loss, out of fold. 'nested': "
        "for each fold, the first so many of forward selection, then weights, calibration and "
        "clips, all on the other folds. 'plain mean, nested': the best of the plain means up to "
        "that size, likewise. 'same runs': fitted on the runs it is scored on, so it is "
        "optimistic; 'experiments' are those that have weight in it.",
    )


def lacking_table(
    scored: OutOfFoldPredictions, lacking: OutOfFoldPredictions, at_most: int | None = None
) -> Table:
    """Score the ensemble on whole runs, and that for runs that lack data on versions of them.

    Parameters
    ----------
    scored, lacking
        Out-of-fold predictions of the runs, and of versions of them that lack data.
    at_most
        Most experiments in the ensemble.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, given in {"whole": scored, "lacking data": lacking}.items():
        y, nested = given.labels, nested_ensemble(given, at_most=at_most)
        rates = call_rates(y, nested.calls)
        base = np.broadcast_to(y.mean(0), y.shape)
        rows.append(
            (
                name,
                mean_log_loss(y, nested.probabilities),
                mean_log_loss(y, base),
                calibration_error(y, nested.probabilities),
                rates.wrongly_present,
                rates.wrongly_absent,
                rates.uncertain,
                rates.runs,
            )
        )
    return Table(
        (
            *("runs", "log loss", "base rates", "ECE"),
            *("present, of those without", "absent, of those with", "uncertain", "number"),
        ),
        tuple(rows),
        "Two versions of each run, which lack m/z or an early or a late part of heating, drawn at "
        "random: down to four m/z, and ends from 300 degC on. "
        "The ensemble of each fold was fitted on the other folds. 'base rates': of always "
        "answering how frequent each family is.",
    )


def parts_table(
    labels: ArrayLike, predictions: Mapping[str, ArrayLike], instruments: NDArray[np.str_]
) -> Table:
    """Mean log loss of each experiment over all runs, each instrument and each family.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    predictions
        Out-of-fold probabilities by name ``[run, family]``; rows in this order.
    instruments
        ``[run]``.
    """
    y = np.asarray(labels)
    there = [name for name in INSTRUMENTS if name in instruments]
    rows: list[tuple[Cell, ...]] = []
    for name, values in predictions.items():
        losses = log_loss_of_truth(truth_probability(y, values))
        of_instruments = [float(losses[instruments == each].mean()) for each in there]
        rows.append((name, float(losses.mean()), *of_instruments, *losses.mean(0).tolist()))
    return Table(
        ("log loss of", "all runs", *there, *FAMILIES),
        tuple(rows),
        "Mean log loss over all families: all runs, then those of each instrument; then of each "
        f"family over all runs. {OUT_OF_FOLD} The ensemble of each fold was fitted on the others.",
    )


def call_table(labels: ArrayLike, calls: NDArray[np.str_], instruments: NDArray[np.str_]) -> Table:
    """How often calls are wrong and how often none is made, of each instrument and family.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    calls
        Of each run, out of fold ``[run, family]``.
    instruments
        ``[run]``.
    """
    y = np.asarray(labels)
    everything = slice(None)
    parts: dict[str, tuple[BoolArray, slice]] = {
        name: (instruments == name, everything) for name in INSTRUMENTS
    }
    commercial = instruments == INSTRUMENTS[0]
    parts |= {name: (commercial, slice(i, i + 1)) for i, name in enumerate(FAMILIES)}
    rows: list[tuple[Cell, ...]] = []
    for name, (runs, families) in parts.items():
        if runs.any():
            found = call_rates(y[runs][:, families], calls[runs][:, families])
            rates = (found.wrongly_present, found.wrongly_absent, found.uncertain)
            rows.append((name, *rates, found.runs, found.positives))
    return Table(
        (
            *("calls of", "present, of those without", "absent, of those with", "uncertain"),
            *("runs", "positives"),
        ),
        tuple(rows),
        "Shares of labels that are called wrongly, and of those that are called neither, out of "
        "fold: the limits of each fold were found on the other folds. Promised: at most "
        f"{WRONGLY_PRESENT:.0%} of those without, {WRONGLY_ABSENT:.0%} of those with. Each "
        f"instrument, then each family on {INSTRUMENTS[0]} instruments.",
    )


def _weight_table(ensemble: Ensemble) -> Table:
    stack = ensemble.whole.stack
    order = np.argsort(-stack.weights, kind="stable")
    return Table(
        ("experiment", "weight"),
        tuple((stack.names[place], float(stack.weights[place])) for place in order),
        "Weight of each experiment's logits in the ensemble, fitted on all out-of-fold "
        "predictions. They need not sum to 1.",
    )


def _sam_table(
    sam: OutOfFoldPredictions,
    ensemble: Ensemble,
    rng: np.random.Generator,
    groups: IntArray | None,
) -> Table:
    means = dict(zip(sam.names, sam.mean_over_draws, strict=True))
    used = ensemble.without_unused()
    if set(used.names) <= means.keys():
        members = np.stack([means[name] for name in used.names])
        means[ENSEMBLE] = used.probabilities(members, sam.instruments, distance=sam.distance)
    table = experiment_table(sam.labels, means, sam.instruments, rng, groups=groups)
    return replace(
        table,
        caption=f"Fold 'sam': trained on commercial runs alone, scored on all {len(sam.run_ids)} "
        f"SAM testbed runs. '{ENSEMBLE}': with the weights, calibration and clips fitted on the "
        f"other folds, which include these runs' labels. {intervals_of(groups)}",
    )


def _left_out_table(reasons: Mapping[str, str]) -> Table:
    return Table(
        ("experiment", "why"),
        tuple(reasons.items()),
        "Experiments that were begun, are not finished, and so are not in the other tables; where "
        "fold 'sam' alone is missing, not in the table of that fold."
        if reasons
        else "No experiment that was begun is left out.",
    )
