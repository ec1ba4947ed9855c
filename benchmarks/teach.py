"""What teaching brings: half of a fold's runs taught, log loss on the other half before and after.

python benchmarks/teach.py STUDY STORE

Members that did not learn from a fold are taught one half of its runs, and predict the other half,
then the other way round; the ensemble of each fold was fitted on the other folds. With a study of
grouped folds the halves are of groups of near-duplicates that no other fold has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.ensemble.ensemble import fit_to
from egams.logloss import run_losses
from egams.models.neighbours import Neighbours
from egams.models.predict import predict_draws
from egams.models.predictor import Predictor
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.gather import study_predictions
from egams.study.study import Study

DRAWS = 4


def predicted(
    study: Study,
    names: tuple[str, ...],
    fold: int,
    taught: Neighbours,
    runs: ResidentRuns,
    rows: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Probabilities ``[member, run, family]`` and distances ``[run]`` with other neighbours."""
    evidence, _, away = taught.evidence_and_nearest(coarse_runs(runs, rows), 1)
    of_members = []
    for name in names:
        experiment = study.experiments()[name]
        predictor: Predictor = study.predictor(experiment, str(fold))
        own = {}
        if predictor.neighbours is not None:
            own[predictor.neighbours] = evidence
        (drawn,) = predict_draws(
            [predictor], runs, rows, experiment.spectrogram, DRAWS, (0,), evidence=own
        )
        of_members.append(drawn.mean(0))
    return np.stack(of_members), away[:, 0]


def main() -> None:
    """Print log losses before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("store", type=Path)
    arguments = parser.parse_args()
    study, store = Study.open(arguments.study), RunStore.open(arguments.store)
    scored, runs = study_predictions(study), ResidentRuns.load(store)
    place = {run: position for position, run in enumerate(store.ids)}
    rows = np.array([place[run] for run in scored.run_ids])
    rng = np.random.default_rng(0)
    half = rng.permutation(len(rows)) % 2
    before, after = np.empty(len(rows)), np.empty(len(rows))
    with_evidence = next(n for n in scored.names if n == "neighbours" or n.endswith("_evidence"))
    for fold in range(study.manifest.folds):
        ensemble = fit_to(scored.of_runs(scored.folds != fold))
        predictor = study.predictor(study.experiments()[with_evidence], str(fold))
        assert predictor.neighbours is not None
        for side in (0, 1):
            shown = rows[(scored.folds == fold) & (half != side)]
            asked = np.flatnonzero((scored.folds == fold) & (half == side))
            labels = store.labels[shown]
            taught = predictor.neighbours.taught(coarse_runs(runs, shown), labels)
            for known, losses in ((predictor.neighbours, before), (taught, after)):
                members, distance = predicted(study, scored.names, fold, known, runs, rows[asked])
                found = ensemble.probabilities(
                    members, scored.instruments[asked], distance=distance
                )
                losses[asked] = run_losses(scored.labels[asked], found)
    change = after - before
    drawn = [change[rng.integers(len(change), size=len(change))].mean() for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"{len(rows)} runs, each fold's halves taught in turn")
    print(f"  before {before.mean():.4f}, after {after.mean():.4f}")
    print(f"  change {change.mean():+.4f} ({low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
