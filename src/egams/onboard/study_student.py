"""A student of a study: taught by its members, scored out of fold, then trained on every run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.arrays import IntArray
from egams.ensemble.ensemble import ensemble_scores
from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.logloss import mean_log_loss
from egams.models.neighbours import NeighboursConfig
from egams.models.onnx_files import need_onnx
from egams.models.predict import predict_draws
from egams.onboard.binned import binned_matrices
from egams.onboard.distil import distil
from egams.onboard.onnx_files import run_onnx, write_fp32, write_int8
from egams.onboard.student import Student, predict
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study
from egams.training.neighbours import fit_neighbours

DRAWS = 4
"""Spectrograms of each run that its teachers are shown."""


@dataclass(frozen=True, eq=False)
class StudyStudent:
    """What was learned from a study.

    Parameters
    ----------
    student
        Trained on every run of the study.
    binned
        Those runs ``[run, m/z, bin]``.
    facts
        For the card: teachers, fingerprint of the data, and scores by students and teachers that
        did not see the runs, ``fp32`` in torch, ``int8`` by onnxruntime.
    """

    student: Student
    binned: NDArray[np.float32]
    facts: dict[str, Any]


def distil_study(
    study: Study,
    store: RunStore,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> StudyStudent:
    """Distil the members of a study.

    The student of a fold learns from members trained without that fold, on runs outside it. The
    last student learns from the mean of what all folds' members say of runs they trained on.

    Parameters
    ----------
    seed
        Of the students' heads and of the teachers' draws.
    progress
        Called with students done and students in all.

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
    labelled = [store[position] for position in positions.tolist()]
    runs, binned = ResidentRuns.load(labelled), binned_matrices(labelled)
    inputs, labels = torch.from_numpy(binned), torch.from_numpy(runs.labels)
    taught = np.zeros((folds.count, *labels.shape), np.float32)
    predicted = {kind: np.empty(labels.shape, np.float32) for kind in ("fp32", "int8")}
    for fold in range(folds.count):
        train, held = np.flatnonzero(folds.fold != fold), np.flatnonzero(folds.fold == fold)
        place = torch.from_numpy(train)
        taught[fold, train] = teach(study, teachers, str(fold), runs, train, seed)
        soft = torch.from_numpy(taught[fold, train])
        student = distil(inputs[place], labels[place], soft, seed)
        predicted["fp32"][held] = predict(student, inputs[held]).numpy()
        predicted["int8"][held] = _int8(student, binned[train], binned[held])
        if progress is not None:
            progress(fold + 1, folds.count + 1)
    mean = torch.from_numpy(taught.sum(0) / (folds.count - 1))
    student = distil(inputs, labels, mean, seed)
    if progress is not None:
        progress(folds.count + 1, folds.count + 1)
    ensemble = ensemble_scores(study_predictions(study))["nested"]
    truth = runs.labels
    scores = {kind: mean_log_loss(truth, values) for kind, values in predicted.items()}
    facts = {
        "scores": {
            "score": "mean log loss, out of fold",
            "runs": len(run_ids),
            "folds": folds.count,
            "ensemble": round(ensemble, 5),
        }
        | {kind: round(score, 5) for kind, score in scores.items()}
        | {"given_up": round(scores["int8"] - ensemble, 5)},
        "teachers": [experiment.name for experiment in teachers],
        "training_runs": len(run_ids),
        "data": study.manifest.data,
        "seed": seed,
    }
    return StudyStudent(student, binned, facts)


def _int8(
    student: Student, training: NDArray[np.float32], held: NDArray[np.float32]
) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as scratch:
        fp32, int8 = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        write_fp32(student, fp32)
        write_int8(fp32, int8, training)
        return run_onnx(int8, held)


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
        if experiment.evidence and set(folds) <= set(study.folds_done(name))
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
