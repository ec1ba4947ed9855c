"""`study_status`: how far a study is, read from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from egams.logloss import mean_log_loss
from egams.study.folds import SAM_FOLD, WHOLE
from egams.study.progress import Member, Plan, Progress
from egams.study.records import MEMBER
from egams.study.study import Study

SILENT_AFTER = 60.0
"""Seconds without a sign of life after which a running training is called silent; or three epochs,
where those take longer."""


@dataclass(frozen=True, kw_only=True)
class TrainingStatus(Progress):
    """What is known of one training: its progress, in one of all states.

    ``"silent"``: running, but long without a sign of life; its process may be dead.
    ``"stopped"``: with a checkpoint, where it had an epoch.

    Parameters
    ----------
    experiment, fold
        What is trained, and the fold it is trained without.
    seconds
        Time that a finished training took, from its first epoch on.
    """

    experiment: str
    fold: str
    seconds: float | None = None


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Parameters
    ----------
    trainings
        Everything that the last call was to train, and whatever else is in the study.
    log_loss
        Of each experiment with a finished fold: out of fold over its finished folds.
    seconds_left
        Until all that wait, run or were stopped are finished, as those measured so far went; None
        where none of them is measured.
    unmeasured
        Trainings of which no epoch is measured yet, which `seconds_left` leaves out.
    """

    trainings: tuple[TrainingStatus, ...]
    log_loss: Mapping[str, float]
    seconds_left: float | None
    unmeasured: int

    @property
    def all_finished(self) -> bool:
        """Whether nothing is left to do."""
        return all(training.state == "finished" for training in self.trainings)


def study_status(study: Study, now: float | None = None) -> StudyStatus:
    """Look at a study, whoever trains it, from whatever process.

    Parameters
    ----------
    now
        In seconds since 1970; None for the present.

    Raises
    ------
    ArtifactError
        If a finished member is damaged.
    """
    now = time.time() if now is None else now
    plan = Plan.read(study)
    members = dict.fromkeys([*plan.members, *_found(study)])
    trainings = tuple(_training(study, member, now) for member in members)
    left, unmeasured = _time_left(trainings, plan.jobs)
    return StudyStatus(trainings, _log_losses(study, trainings), left, unmeasured)


def _found(study: Study) -> list[Member]:
    """Members that have left a trace in the study, part of the last call or not."""
    paths = [*study.folder.glob(f"*/fold-*/{MEMBER}"), *study.folder.glob("*/fold-*.progress.json")]
    parts = [path.relative_to(study.folder).parts for path in paths]
    names = [(name, fold.removesuffix(".progress.json")) for name, fold, *_ in parts]
    return sorted({(name, fold.removeprefix("fold-")) for name, fold in names})


def _training(study: Study, member: Member, now: float) -> TrainingStatus:
    seconds = None
    if study.is_done(*member):
        record, known = study.record(*member), Progress("finished")
        seconds = record.seconds / record.share_timed
    else:
        begun = study.checkpoint(*member).is_file()
        known = Progress.read(study, member) or Progress("stopped" if begun else "waiting")
    silence = now - (known.updated or 0)
    if known.state == "running" and silence > max(SILENT_AFTER, 3 * (known.seconds_each or 0)):
        known = replace(known, state="silent")
    experiment, fold = member
    return TrainingStatus(**asdict(known), experiment=experiment, fold=fold, seconds=seconds)


def _time_left(trainings: tuple[TrainingStatus, ...], jobs: int | None) -> tuple[float | None, int]:
    whole = {name: _whole(name, trainings) for name in {each.experiment for each in trainings}}
    open_ones = [each for each in trainings if each.state not in ("finished", "failed")]
    needed = [_needed(each, whole[each.experiment]) for each in open_ones]
    known = [seconds for seconds in needed if seconds is not None]
    running = sum(each.state == "running" for each in trainings)
    side_by_side = max(1, jobs or running)
    left = max(sum(known) / side_by_side, *known) if known else None
    return left, len(needed) - len(known)


def _whole(experiment: str, trainings: tuple[TrainingStatus, ...]) -> float | None:
    """Seconds of a whole training of an experiment: mean of the finished, else as those run."""
    own = [each for each in trainings if each.experiment == experiment]
    taken = [each.seconds for each in own if each.seconds is not None]
    if not taken:
        taken = [each.total * each.seconds_each for each in own if each.total and each.seconds_each]
    return sum(taken) / len(taken) if taken else None


def _needed(training: TrainingStatus, whole: float | None) -> float | None:
    if training.total:
        if training.seconds_each:
            return (training.total - training.done) * training.seconds_each
        return None if whole is None else whole * (1 - training.done / training.total)
    return whole


def _log_losses(study: Study, trainings: tuple[TrainingStatus, ...]) -> dict[str, float]:
    truth = study.truth()
    losses = {}
    for name in dict.fromkeys(each.experiment for each in trainings):
        folds = [fold for fold in study.folds_done(name) if fold not in (SAM_FOLD, WHOLE)]
        if folds:
            held_out = study.out_of_fold(name, folds)
            labels = np.array([truth[run].labels for run in held_out.run_ids])
            losses[name] = mean_log_loss(labels, held_out.probabilities.mean(axis=0))
    return losses
