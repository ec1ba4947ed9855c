"""Out-of-fold predictions of a study, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from egams.arrays import IntArray
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.errors import ArtifactError
from egams.models.predictor import NEIGHBOURS
from egams.study.folds import SAM_FOLD, WHOLE, Folds
from egams.study.study import Study


def study_predictions(
    study: Study, *, sam_fold: bool = False, with_weights: bool = False
) -> OutOfFoldPredictions:
    """Gather out-of-fold predictions of all experiments of `study` that finished all folds.

    Parameters
    ----------
    sam_fold
        Those of fold "sam" (trained on commercial runs, tested on SAM) instead.
    with_weights
        Only those that can predict something new, and distances only where new runs will have
        them: where neighbours know all runs.

    Raises
    ------
    ArtifactError
        If no experiment has finished.
    """
    wanted = _wanted(study, sam_fold=sam_fold)
    names = [name for name in study.experiments() if set(wanted) <= set(study.folds_done(name))]
    if with_weights and names:
        names = [name for name in names if not study.only_predicted(name)]
        if not names:
            raise ArtifactError(
                f"{study.folder}: its experiments are known by their predictions alone (egams "
                "study add). Cross-validate in a folder of its own what is to predict."
            )
    if not names:
        raise ArtifactError(
            f"{study.folder}: no experiment has finished {'fold ' if sam_fold else 'folds '}"
            f"{', '.join(wanted)}. Cross-validate first."
        )
    found = _gathered(study, names, wanted)
    if with_weights and not any(knows_all(study, name) for name in names):
        return replace(found, distance=None)
    return found


def knows_all(study: Study, experiment: str) -> bool:
    """Whether an experiment has neighbours that know all runs of the study.

    Parameters
    ----------
    study
        The study.
    experiment
        Name of one of its experiments.
    """
    if WHOLE not in study.folds_done(experiment):
        return False
    record = study.record(experiment, WHOLE)
    return not record.only_predictions and NEIGHBOURS in record.files


def lacking_predictions(study: Study, names: Sequence[str]) -> OutOfFoldPredictions | None:
    """Gather predictions of versions of the runs that lack data; None if an experiment made none.

    Parameters
    ----------
    study
        Where all folds of the experiments are finished.
    names
        Of the experiments.
    """
    wanted = _wanted(study, sam_fold=False)
    if not all(study.predicted_lacking(name, fold) for name in names for fold in wanted):
        return None
    return _gathered(study, names, wanted, lacking=True)


def _gathered(
    study: Study, names: Sequence[str], wanted: list[str], *, lacking: bool = False
) -> OutOfFoldPredictions:
    truth = study.truth()
    gathered = [study.out_of_fold(name, wanted, lacking=lacking) for name in names]
    run_ids = gathered[0].run_ids
    return OutOfFoldPredictions(
        names=tuple(names),
        run_ids=run_ids,
        instruments=np.array([truth[run].instrument for run in run_ids]),
        folds=np.array([wanted.index(fold) for fold in gathered[0].fold], dtype=np.intp),
        labels=np.array([truth[run].labels for run in run_ids], dtype=np.float32),
        probabilities=np.stack([entry.probabilities for entry in gathered]),
        distance=next(
            (each.distance.astype(float) for each in gathered if each.distance is not None), None
        ),
    )


def near_duplicates(study: Study, run_ids: Sequence[str]) -> IntArray | None:
    """Group of near-duplicates of each run ``[run]``; None where the folds are not grouped."""
    folds = Folds.load(study.folds_path, tuple(study.truth()))
    if folds.group is None:
        return None
    of_run = dict(zip(folds.run_ids, folds.group.tolist(), strict=True))
    return np.array([of_run[run] for run in run_ids], dtype=np.intp)


def left_out(study: Study, *, sam_fold: bool = False, with_weights: bool = False) -> dict[str, str]:
    """Say which experiments of a study `study_predictions` leaves out, and why, by name.

    With `sam_fold`, of those that finished all other folds.
    """
    folds = _wanted(study, sam_fold=False)
    reasons = {}
    for name in study.begun():
        done = study.folds_done(name)
        missing = [fold for fold in folds if fold not in done]
        if sam_fold:
            missing = [] if missing or SAM_FOLD in done else [SAM_FOLD]
        if missing:
            several = "folds" if len(missing) > 1 else "fold"
            reasons[name] = f"{several} {', '.join(missing)} not finished"
        elif with_weights and study.only_predicted(name):
            reasons[name] = "known by its predictions alone"
    return reasons


def _wanted(study: Study, *, sam_fold: bool) -> list[str]:
    return [SAM_FOLD] if sam_fold else [str(fold) for fold in range(study.manifest.folds)]
