"""A student of a study: scored out of fold, then trained on every run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.ensemble.ensemble import ensemble_scores
from egams.errors import ArtifactError
from egams.logloss import mean_log_loss
from egams.onboard.binned import binned_matrices
from egams.onboard.distil import distil
from egams.onboard.onnx_files import run_onnx, write_fp32, write_int8
from egams.onboard.student import Student, predict
from egams.onboard.teach import teach, teachers_of
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study


@dataclass(frozen=True, eq=False)
class StudyStudent:
    """What was learned from a study.

    Parameters
    ----------
    student
        Trained on every run of the study.
    binned
        Those runs ``[run, m/z, bin]``.
    run_ids
        ``[run]``.
    labels
        ``[run, family]``.
    probabilities
        Of each run, by a student and teachers that did not see it: ``fp32`` in torch, ``int8`` by
        onnxruntime ``[run, family]``.
    facts
        For the card: scores, teachers, fingerprint of the data.
    """

    student: Student
    binned: NDArray[np.float32]
    run_ids: tuple[str, ...]
    labels: NDArray[np.float32]
    probabilities: dict[str, NDArray[np.float32]]
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
    inputs, labels = torch.from_numpy(binned), runs.labels
    taught = np.zeros((folds.count, *labels.shape), np.float32)
    predicted = {kind: np.empty(labels.shape, np.float32) for kind in ("fp32", "int8")}
    for fold in range(folds.count):
        train, held = np.flatnonzero(folds.fold != fold), np.flatnonzero(folds.fold == fold)
        place = torch.from_numpy(train)
        taught[fold, train] = teach(study, teachers, str(fold), runs, place, seed)
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
    truth = labels.numpy()
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
    return StudyStudent(student, binned, run_ids, truth, predicted, facts)


def _int8(
    student: Student, training: NDArray[np.float32], held: NDArray[np.float32]
) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as scratch:
        fp32, int8 = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        write_fp32(student, fp32)
        write_int8(fp32, int8, training)
        return run_onnx(int8, held)
