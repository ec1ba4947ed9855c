"""All tables of a study at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams import __version__
from egams.artifact import write_text
from egams.ensemble.average import mean_probability
from egams.ensemble.conformal import STATES, coverage_of
from egams.ensemble.ensemble import Ensemble, NestedEnsemble, fit_ensemble, nested_ensemble
from egams.ensemble.gather import StudyPredictions, study_predictions
from egams.ensemble.selection import nested_selection, select_members
from egams.errors import ArtifactError
from egams.evaluate.table import Cell, Table
from egams.evaluate.tables import (
    clip_table,
    experiment_table,
    score_table,
    selection_table,
    tta_table,
)
from egams.families import INSTRUMENTS
from egams.training.study import Study

ENSEMBLE = "ensemble"


def study_tables(study: Study, rng: np.random.Generator) -> dict[str, Table]:
    """Make the tables of a study, by name.

    ``experiments``; ``ensemble-size`` and ``draws`` (the write-up's two); ``clips``; ``weights``,
    ``scores`` and ``sets`` of the ensemble that a bundle holds; and ``sam-fold`` where experiments
    were also trained on commercial runs alone.

    Parameters
    ----------
    study
        With at least one experiment that has finished all folds.
    rng
        Draws the resamples of the intervals.

    Raises
    ------
    ArtifactError
        If no experiment has finished.
    """
    scored = study_predictions(study)
    y, mean, of, folds = scored.labels, scored.mean_over_draws, scored.instruments, scored.folds
    selection = select_members(y, mean, scored.names)
    members = [scored.names.index(name) for name in selection.members]
    ensemble = fit_ensemble(y, mean, scored.names, of)
    nested = nested_ensemble(scored)
    made = {
        "experiments": experiment_table(y, dict(zip(scored.names, mean, strict=True)), of, rng),
        "ensemble-size": selection_table(selection, nested_selection(y, mean, scored.names, folds)),
        "draws": tta_table(y, scored.probabilities, scored.names, folds),
        "clips": clip_table(y, mean_probability(mean[members]), of, folds),
        "weights": _weight_table(ensemble),
        "scores": score_table(
            y,
            nested.probabilities,
            of,
            rng,
            basis="The ensemble, out of fold: weights, calibration and clips of each fold were "
            "fitted on the other folds.",
        ),
        "sets": set_table(y, nested, of),
    }
    try:
        sam = study_predictions(study, sam_fold=True)
    except ArtifactError:
        return made
    return made | {"sam-fold": _sam_table(sam, ensemble, rng)}


def set_table(labels: ArrayLike, nested: NestedEnsemble, instruments: NDArray[np.str_]) -> Table:
    """How many labels the sets hold, of each instrument.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    nested
        Sets of each fold, with thresholds found on the other folds.
    instruments
        ``[run]``.
    """
    y = np.asarray(labels)
    rows: list[tuple[Cell, ...]] = []
    for name in INSTRUMENTS:
        here = instruments == name
        if not here.any():
            continue
        found = coverage_of(y[here], nested.sets[here])
        held = [found.total, found.by_class["present"], found.by_class["absent"]]
        shares = [found.states[word] for word in STATES]
        rows.append((name, *held, *shares, found.runs, found.labels["present"]))
    return Table(
        (
            *("instrument", "covered", "covered where present", "covered where absent"),
            *STATES,
            *("runs", "positives"),
        ),
        tuple(rows),
        "Label sets at 90 %, out of fold: thresholds of each fold were found on the other folds. "
        "'covered': share of labels that are in their set. Then the share of sets of each kind.",
    )


def _weight_table(ensemble: Ensemble) -> Table:
    stack = ensemble.stack
    order = np.argsort(-stack.weights, kind="stable")
    return Table(
        ("experiment", "weight"),
        tuple((stack.names[place], float(stack.weights[place])) for place in order),
        "Weight of each experiment's logits in the ensemble, fitted on all out-of-fold "
        "predictions. They need not sum to 1.",
    )


def _sam_table(sam: StudyPredictions, ensemble: Ensemble, rng: np.random.Generator) -> Table:
    means = dict(zip(sam.names, sam.mean_over_draws, strict=True))
    used = ensemble.without_unused()
    if set(used.stack.names) <= means.keys():
        members = np.stack([means[name] for name in used.stack.names])
        means[ENSEMBLE] = used.probabilities(members, sam.instruments)
    table = experiment_table(sam.labels, means, sam.instruments, rng)
    return replace(
        table,
        caption=f"Fold 'sam': trained on commercial runs alone, scored on all {len(sam.run_ids)} "
        f"SAM testbed runs. '{ENSEMBLE}': with the weights, calibration and clips fitted on the "
        "other folds, which know these runs' labels. Intervals: 95 % of resamples of the runs.",
    )


def write_tables(study: Study, tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write each table as ``NAME.md`` and ``NAME.parquet``; return the paths."""
    said = {"egams_version": __version__, "study": json.dumps(study.manifest, sort_keys=True)}
    paths = []
    for name, table in tables.items():
        markdown, parquet = folder / f"{name}.md", folder / f"{name}.parquet"
        write_text(markdown, table.markdown())
        table.to_parquet(parquet, said)
        paths += [markdown, parquet]
    return paths
