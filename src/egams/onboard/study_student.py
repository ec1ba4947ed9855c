"""A student of a study: taught by its members, scored out of fold, then trained on every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.arrays import IntArray, to_numpy
from egams.ensemble.ensemble import ensemble_scores
from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.models.neighbours import NeighboursConfig
from egams.models.onnx_files import need_onnx
from egams.models.predict import predict_draws
from egams.onboard.distil import distil
from egams.onboard.held_out import HeldOut
from egams.onboard.stages import STAGES, Stage
from egams.onboard.student import StageStudent
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study
from egams.training.neighbours import fit_neighbours

DRAWS = 2
"""Spectrograms of each run that its teachers are shown."""


@dataclass(frozen=True, eq=False)
class StudyStudent:
    """What was learned from a study.

    Parameters
    ----------
    students
        Trained on every run of the study, in the order in which they are tried.
    facts
        For the card: teachers, fingerprint of the data, and scores by students and teachers that
        did not see the runs.
    """

    students: list[StageStudent]
    facts: dict[str, Any]


def distil_study(
    study: Study,
    store: RunStore,
    *,
    stages: Sequence[Stage] = STAGES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> StudyStudent:
    """Distil the members of a study.

    The students of a fold learn from members trained without that fold, on runs outside it. The
    last students learn from the mean of what all folds' members predict of runs they trained on.

    Parameters
    ----------
    study
        Whose members teach.
    store
        Runs of the study.
    stages
        What the student is to answer from, in the order in which they are tried.
    seed
        Of the students' heads and of the teachers' draws.
    progress
        Called with stages done and stages in all.

    Raises
    ------
    ArtifactError
        If the study was made from other runs.
    ConfigError
        If the study has nobody to learn from, or an ONNX package is missing.
    """
    need_onnx()
    if study.manifest.data != store.fingerprint:
        raise ArtifactError(
            f"{study.folder}: made from other runs than {store.path or 'this store'} holds. "
            "Name the store that was cross-validated."
        )
    positions = np.flatnonzero(store.labelled)
    run_ids = tuple(np.array(store.ids)[positions].tolist())
    folds = Folds.load(study.folds_path, run_ids)
    teachers = teachers_of(study, [str(fold) for fold in range(folds.count)])
    runs = ResidentRuns.load([store[position] for position in positions.tolist()])
    coarse, labels = coarse_runs(runs, np.arange(len(run_ids))), to_numpy(runs.labels)
    done, steps = 0, len(stages) * (folds.count + 1)

    def learn(train: IntArray, soft: NDArray[np.float32]) -> list[StageStudent]:
        nonlocal done
        learned = []
        for stage in stages:
            given = torch.from_numpy(labels[train]), torch.from_numpy(soft)
            learned.append(distil(stage, coarse[train], *given, seed))
            done += 1
            if progress is not None:
                progress(done, steps)
        return learned

    taught = np.zeros((folds.count, *labels.shape), np.float32)
    held_out = HeldOut.none(len(labels), len(stages))
    for fold in range(folds.count):
        train, held = np.flatnonzero(folds.fold != fold), np.flatnonzero(folds.fold == fold)
        taught[fold, train] = teach(study, teachers, str(fold), runs, train, seed)
        held_out.fill(held, coarse[held], learn(train, taught[fold, train]))
    students = learn(np.arange(len(labels)), taught.sum(0) / (folds.count - 1))
    ensemble = ensemble_scores(study_predictions(study, with_weights=True))["nested"]
    facts = {
        "scores": {
            "score": "mean log loss, out of fold",
            "runs": len(run_ids),
            "folds": folds.count,
            "ensemble": round(ensemble, 5),
        }
        | held_out.scores(coarse, labels, stages),
        "teachers": [experiment.name for experiment in teachers],
        "training_runs": len(run_ids),
        "data": study.manifest.data,
        "seed": seed,
    }
    return StudyStudent(students, facts)


def teachers_of(study: Study, folds: Sequence[str]) -> list[Experiment]:
    """Experiments that can teach: those with evidence of neighbours, which finished all folds.

    Each of their training runs was shown to them with what the other runs say of it, so that they
    had less reason to learn its labels by heart.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = [
        experiment
        for name, experiment in study.experiments().items()
        if experiment.evidence
        and set(folds) <= set(study.folds_done(name))
        and not study.only_predicted(name)
    ]
    if not found:
        raise ConfigError(
            f"{study.folder}: no experiment with evidence has finished every fold; expected one "
            "to learn from. Cross-validate 'lightgbm_evidence', say, into this study."
        )
    return found


def teach(
    study: Study,
    teachers: Sequence[Experiment],
    fold: str,
    runs: ResidentRuns,
    positions: IntArray,
    seed: int,
) -> NDArray[np.float32]:
    """Mean probability that members trained without one fold give to the runs they trained on.

    No prediction of a run that a member held out is made or read.

    Parameters
    ----------
    positions
        Runs outside that fold, in the order of the study's folds ``[run]``.

    Returns
    -------
    NDArray
        ``[run, family]``.
    """
    _, from_others = fit_neighbours(NeighboursConfig(), runs, positions)
    given = []
    for experiment in teachers:
        member = study.predictor(experiment, fold)
        assert member.neighbours is not None
        (drawn,) = predict_draws(
            [member],
            runs,
            positions,
            experiment.spectrogram,
            DRAWS,
            (seed,),
            evidence={member.neighbours: from_others},
        )
        given.append(drawn.mean(0))
    return np.asarray(np.mean(given, axis=0, dtype=np.float32))
