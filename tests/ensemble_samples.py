"""Out-of-fold predictions made up for the tests of stacks and ensembles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import expit

from egams.arrays import IntArray
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.families import FAMILIES
from egams.study.folds import Folds
from egams.study.records import MemberRecord, StudyManifest, Truth
from egams.study.study import HeldOut, Study, write_member
from training_samples import tiny_experiment


def made_up(
    seed: int, runs: int = 120, skills: tuple[float, ...] = (2.0, 1.5, 1.0), draws: int = 2
) -> OutOfFoldPredictions:
    """Members of some skill each: 0 knows nothing, below 0 it says the opposite of the truth."""
    rng = np.random.default_rng(seed)
    labels = (rng.uniform(size=(runs, len(FAMILIES))) < 0.25).astype(np.float32)
    skill = np.array(skills)[:, None, None, None]
    seen = skill * (2 * labels - 1) + rng.normal(size=(len(skills), 1, *labels.shape))
    # Of what is seen so, with noise of deviation 1, these are the true odds.
    logits = 2 * np.maximum(np.abs(skill), 0.5) * seen + np.log(0.25 / 0.75)
    of_draw = 0.3 * rng.normal(size=(len(skills), draws, *labels.shape))
    return OutOfFoldPredictions(
        names=tuple(f"member{number}" for number in range(len(skills))),
        run_ids=tuple(f"run{number}" for number in range(runs)),
        instruments=np.where(rng.uniform(size=runs) < 0.2, "sam_testbed", "commercial"),
        folds=np.arange(runs) % 4,
        labels=labels,
        probabilities=expit(logits + of_draw).astype(np.float32),
    )


class NoPredictor:
    """Stands for a trained model that nobody will ask."""

    def save(self, folder: Path) -> None:
        """Nothing to save."""


def study_of(sample: OutOfFoldPredictions, folder: Path, groups: IntArray | None = None) -> Study:
    """A finished study with these predictions."""
    folds = sorted(set(sample.folds.tolist()))
    made = {"folds": len(folds), "seed": 0, "draws": sample.probabilities.shape[1]}
    manifest = StudyManifest(data="made up", runs_used=len(sample.run_ids), **made)
    study = Study.create(folder, manifest)
    Folds(sample.run_ids, sample.folds, groups).save(study.folds_path)
    entries = zip(sample.run_ids, sample.instruments.tolist(), sample.labels.tolist(), strict=True)
    study.keep_truth({run: Truth(of, tuple(labels)) for run, of, labels in entries})
    for number, name in enumerate(sample.names):
        for fold in folds:
            held = np.flatnonzero(sample.folds == fold)
            keep_held_out(study, name, str(fold), sample, number, held, lacking=True)
    return study


def keep_held_out(
    study: Study,
    name: str,
    fold: str,
    sample: OutOfFoldPredictions,
    number: int,
    held: IntArray,
    *,
    lacking: bool = False,
) -> None:
    """Keep what one member predicts of the runs held out in a fold; perhaps, of versions too."""
    held_out = HeldOut(
        tuple(sample.run_ids[run] for run in held), sample.probabilities[number][:, held]
    )
    write_member(
        study.member_folder(name, fold),
        NoPredictor(),  # type: ignore[arg-type]
        MemberRecord(
            experiment=tiny_experiment(name), fold=fold, seed=0, seconds=1, threads=1, device="cpu"
        ),
        held_out,
        held_out if lacking else None,
    )
