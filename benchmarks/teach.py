"""What teaching brings: half of some runs taught, log loss on their other half before and after.

python benchmarks/teach.py STUDY STORE [--groups 4]

Members that did not learn from a fold are taught one half of its runs, and predict the other half,
then the other way round; the ensemble of each fold was fitted on the other folds.

With --groups and a study of grouped folds, one group of near-duplicates at a time: members and
neighbours know none of its runs, are taught one half of it and nothing else, and predict the other
half. All groups of so many runs or more take part, and the generator deals the halves.
"""

from __future__ import annotations

import argparse
from functools import cache
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
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study

DRAWS = 4


class Asked:
    """Out-of-fold members of a study, and what they answer with other neighbours.

    Parameters
    ----------
    study, store
        The study, and the store that it was trained on.
    """

    def __init__(self, study: Study, store: RunStore) -> None:
        self.study, self.store = study, store
        self.scored, self.runs = study_predictions(study), ResidentRuns.load(store)
        place = {run: position for position, run in enumerate(store.ids)}
        self.rows = np.array([place[run] for run in self.scored.run_ids])
        self.predictor = cache(self._predictor)
        self.ensemble = cache(lambda fold: fit_to(self.scored.of_runs(self.scored.folds != fold)))

    def _predictor(self, name: str, fold: int) -> Predictor:
        return self.study.predictor(self.study.experiments()[name], str(fold))

    def known(self, fold: int) -> Neighbours:
        """Return the neighbours that know the runs of all other folds."""
        names = self.scored.names
        name = next(n for n in names if n == "neighbours" or n.endswith("_evidence"))
        found = self.predictor(name, fold).neighbours
        assert found is not None
        return found

    def taught(self, fold: int, shown: IntArray) -> Neighbours:
        """Return neighbours that know some runs of the fold too, by place in the study."""
        rows = self.rows[shown]
        return self.known(fold).taught(coarse_runs(self.runs, rows), self.store.labels[rows])

    def losses(self, fold: int, known: Neighbours, asked: IntArray) -> FloatArray:
        """Log loss of some runs of a fold, by place in the study ``[run]``."""
        rows = self.rows[asked]
        evidence, _, away = known.evidence_and_nearest(coarse_runs(self.runs, rows), 1)
        of_members = []
        for name in self.scored.names:
            predictor = self.predictor(name, fold)
            own = {} if predictor.neighbours is None else {predictor.neighbours: evidence}
            config = self.study.experiments()[name].spectrogram
            (drawn,) = predict_draws(
                [predictor], self.runs, rows, config, DRAWS, (0,), evidence=own
            )
            of_members.append(drawn.mean(0))
        found = self.ensemble(fold).probabilities(
            np.stack(of_members), self.scored.instruments[asked], distance=away[:, 0]
        )
        return run_losses(self.scored.labels[asked], found)


def halves_of_folds(asked: Asked, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Teach half of each fold: losses ``[before or after, run]``, and each run's own number."""
    folds = asked.scored.folds
    half = rng.permutation(len(folds)) % 2
    losses = np.empty((2, len(folds)))
    for fold in range(asked.study.manifest.folds):
        for side in (0, 1):
            shown = np.flatnonzero((folds == fold) & (half != side))
            others = np.flatnonzero((folds == fold) & (half == side))
            for row, known in enumerate((asked.known(fold), asked.taught(fold, shown))):
                losses[row, others] = asked.losses(fold, known, others)
    return losses, np.arange(len(folds))


def halves_of_groups(
    asked: Asked, least: int, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Teach half of one group at a time: losses ``[before or after, run]``, the runs' groups."""
    folds = Folds.load(asked.study.folds_path, asked.scored.run_ids)
    assert folds.group is not None, "the folds are not grouped"
    large = np.flatnonzero(np.bincount(folds.group) >= least)
    losses, groups = [], []
    for group in large:
        members = rng.permutation(np.flatnonzero(folds.group == group))
        fold = int(folds.fold[members[0]])
        for others, shown in ((members[::2], members[1::2]), (members[1::2], members[::2])):
            both = [asked.known(fold), asked.taught(fold, shown)]
            losses.append(np.stack([asked.losses(fold, known, others) for known in both]))
            groups += [group] * len(others)
    return np.concatenate(losses, 1), np.array(groups)


def main() -> None:
    """Print log losses before and after; of several groups, whole groups are drawn again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--groups", type=int, help="One group at a time, of so many runs or more.")
    arguments = parser.parse_args()
    asked = Asked(Study.open(arguments.study), RunStore.open(arguments.store))
    rng = np.random.default_rng(0)
    if arguments.groups:
        losses, groups = halves_of_groups(asked, arguments.groups, rng)
    else:
        losses, groups = halves_of_folds(asked, rng)
    _, number = np.unique(groups, return_inverse=True)
    runs, change = np.bincount(number), np.bincount(number, losses[1] - losses[0])
    drawn = rng.integers(len(runs), size=(2000, len(runs)))
    low, high = np.quantile(change[drawn].sum(1) / runs[drawn].sum(1), [0.025, 0.975])
    before, after = losses.mean(1)
    print(f"{len(groups)} runs in {len(runs)} groups")
    print(f"  before {before:.4f}, after {after:.4f}")
    print(f"  change {after - before:+.4f} ({low:+.4f} to {high:+.4f})")
    print(f"  better in {(change < 0).sum()} groups; sizes {runs.min()} to {runs.max()}")


if __name__ == "__main__":
    main()
