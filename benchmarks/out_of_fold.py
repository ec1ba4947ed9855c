"""Out-of-fold log loss of a study's ensemble beside LightGBM on 100 degC bins, same folds.

python benchmarks/out_of_fold.py STORE STUDY
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from egams.ensemble.ensemble import ensemble_scores, fit_to
from egams.families import FAMILIES
from egams.logloss import mean_log_loss
from egams.preprocess.prepare_runs import PreparedRun
from egams.store.run_store import RunStore
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study

TARGET = 0.105
BAND = 100.0
BANDS = 10
MZ_COUNT = 100
TREES = 250
HELIUM = 4


def banded(run: PreparedRun) -> NDArray[np.float32]:
    """Highest abundance above the minimum in bands of 100 degC ``[m/z * band]``."""
    above = run.abundance - np.nanmin(run.abundance, axis=0)
    band = np.minimum(run.temperature // BAND, BANDS - 1).astype(int)
    table = np.full((MZ_COUNT, BANDS), np.nan, np.float32)
    for number in np.unique(band):
        rows = above[band == number]
        known = ~np.isnan(rows).all(0)
        table[run.mz[known], number] = np.nanmax(rows[:, known], axis=0)
    carrier_apart = np.delete(table, HELIUM, axis=0)
    return np.log10(np.clip(carrier_apart / np.nanmax(carrier_apart), 1e-5, 1)).ravel()


def reference(store: RunStore, folds: Folds) -> float:
    """Out-of-fold log loss of LightGBM, its settings as careful as those of our own trees."""
    place = {run: position for position, run in enumerate(store.ids)}
    rows = [place[run] for run in folds.run_ids]
    table = np.stack([banded(store[row]) for row in rows])
    labels = store.labels[rows]
    given = np.zeros_like(labels)
    settings = {
        "objective": "binary",
        "learning_rate": 0.04,
        "num_leaves": 8,
        "min_data_in_leaf": 5,
        "feature_fraction": 0.2,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": 0,
        "verbosity": -1,
    }
    for fold in range(folds.count):
        held = folds.fold == fold
        for number in range(len(FAMILIES)):
            data = lightgbm.Dataset(table[~held], label=labels[~held, number])
            booster = lightgbm.train(settings, data, TREES)
            given[held, number] = booster.predict(table[held])
    return mean_log_loss(labels, given)


def core_minutes(study: Study, names: tuple[str, ...], folds: int) -> float:
    """Minutes of training, one core each, that the members of an ensemble took."""
    seconds = [
        record.seconds * record.threads
        for name in names
        for fold in range(folds)
        for record in [study.record(name, str(fold))]
    ]
    return sum(seconds) / 60


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("study", type=Path)
    arguments = parser.parse_args()
    store, study = RunStore.open(arguments.store), Study.open(arguments.study)
    predictions = study_predictions(study)
    ensemble = fit_to(predictions).without_unused()
    scores = ensemble_scores(predictions)
    folds = Folds.load(study.folds_path, tuple(sorted(predictions.run_ids)))
    theirs = reference(store, folds)
    nested, in_sample = scores["nested"], scores["in_sample"]
    minutes = core_minutes(study, predictions.names, study.manifest.folds)
    print(f"{len(predictions.run_ids)} runs, {study.manifest.folds} folds, mean log loss")
    print(f"  members: {', '.join(ensemble.names)}")
    print(f"  ours, ensemble fitted on the other folds (nested)  {nested:.4f}")
    print(f"  ours, fitted and scored on the same runs           {in_sample:.4f}")
    print(f"  ours, plain mean of every experiment               {scores['all_members']:.4f}")
    print(f"  reference: LightGBM on 100 degC bins, same folds   {theirs:.4f}")
    print(f"  ratio (nested / reference) {nested / theirs:.2f}; to reach {TARGET}")
    print(f"  training of all experiments, all folds: {minutes:.0f} core minutes")


if __name__ == "__main__":
    main()
