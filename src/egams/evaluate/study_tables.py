"""All tables of a study at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from egams import __version__
from egams.artifact import write_text
from egams.ensemble.average import mean_probability
from egams.ensemble.bundle import StudyPredictions, choose_ensemble, study_predictions
from egams.ensemble.clip import nested_clip
from egams.errors import ArtifactError
from egams.evaluate.table import Table
from egams.evaluate.tables import (
    NESTED,
    clip_table,
    experiment_table,
    score_table,
    selection_table,
    tta_table,
)
from egams.training.study import Study

ENSEMBLE = "ensemble"


def study_tables(study: Study, rng: np.random.Generator) -> dict[str, Table]:
    """Make the tables of a study, by name.

    ``experiments``, ``ensemble-size`` and ``draws`` (the write-up's two), ``clips``, ``scores``;
    and ``sam-fold`` where experiments were also trained on commercial runs alone.

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
    ensemble = choose_ensemble(scored)
    nested = nested_clip(y, ensemble.nested.probabilities, of, folds)
    members = [scored.names.index(name) for name in ensemble.selection.members]
    made = {
        "experiments": experiment_table(y, dict(zip(scored.names, mean, strict=True)), of, rng),
        "ensemble-size": selection_table(ensemble.selection, ensemble.nested),
        "draws": tta_table(y, scored.probabilities, scored.names, folds),
        "clips": clip_table(y, mean_probability(mean[members]), of, folds),
        "scores": score_table(
            y,
            nested.probabilities,
            of,
            rng,
            basis=f"The ensemble, out of fold. {NESTED} Clips likewise.",
        ),
    }
    try:
        sam = study_predictions(study, sam_fold=True)
    except ArtifactError:
        return made
    return made | {"sam-fold": _sam_table(sam, ensemble.selection.members, rng)}


def _sam_table(sam: StudyPredictions, members: tuple[str, ...], rng: np.random.Generator) -> Table:
    mean = dict(zip(sam.names, sam.mean_over_draws, strict=True))
    if set(members) <= mean.keys():
        mean[ENSEMBLE] = mean_probability(np.stack([mean[name] for name in members]))
    table = experiment_table(sam.labels, mean, sam.instruments, rng)
    return replace(
        table,
        caption=f"Fold 'sam': trained on commercial runs alone, scored on all {len(sam.run_ids)} "
        f"SAM testbed runs, without clip. '{ENSEMBLE}': mean of the members chosen on the other "
        "folds. Intervals: 95 % of resamples of the runs.",
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
