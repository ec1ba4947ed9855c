"""`train_member`: one experiment, trained without one fold, and its predictions of that fold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from egams.arrays import IntArray, to_numpy
from egams.artifact import remove
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES
from egams.jobs.contract import JobReport
from egams.jobs.device import device_named
from egams.jobs.stopping import never
from egams.logloss import mean_log_loss
from egams.models.predict import predict_draws
from egams.models.predictor import Evidence, Predictor
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.spectrogram.sam_sources import SamSources, sam_sources
from egams.store.run_store import RunStore
from egams.study.folds import SAM_FOLD, WHOLE
from egams.study.records import MemberRecord
from egams.study.study import HeldOut, Study, write_member
from egams.training.controls import Controls, EpochLog
from egams.training.missing import HELD_OUT_KINDS, HELD_OUT_VERSIONS, missing_versions
from egams.training.train import train_experiment

LACKING_DRAWS = 4
"""Test-time draws of versions that lack data: enough to weigh members by."""


@lru_cache(maxsize=1)
def _resident(path: Path, fingerprint: str, device: torch.device) -> ResidentRuns:
    # A worker trains many folds of one store: decoding it once a process is enough. The
    # fingerprint tells a store from another one prepared in its place.
    return ResidentRuns.load(RunStore.open(path)).to(device)


@lru_cache(maxsize=1)
def _resident_sources(path: Path, fingerprint: str, device: torch.device) -> SamSources:
    return sam_sources(ResidentRuns.load(RunStore.open(path)).to(device))


@dataclass(frozen=True)
class MemberTask:
    """What is needed to train one experiment without one fold, in any process.

    Parameters
    ----------
    store
        Prepared runs.
    study
        Folder of the study.
    experiment, fold
        What is trained, and the fold it is trained without.
    train, held_out
        Positions in the store.
    seed
        Of the study.
    draws
        Test-time draws of each held-out run.
    sam_like
        Store of SAM testbed runs whose backgrounds make commercial runs SAM-like; None for none.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``: see `egams.jobs.device`.
    compiled
        Hand networks to ``torch.compile``.
    """

    store: Path
    study: Path
    experiment: Experiment
    fold: str
    train: tuple[int, ...]
    held_out: tuple[int, ...]
    seed: int
    draws: int
    sam_like: Path | None = None
    device: str = "auto"
    compiled: bool = False

    @property
    def name(self) -> str:
        """Name for people."""
        return f"{self.experiment.name} fold {self.fold}"

    @property
    def member(self) -> tuple[str, str]:
        """Names of the experiment and the fold."""
        return self.experiment.name, self.fold


def train_member(
    task: MemberTask,
    *,
    report: Callable[[JobReport], None] | None = None,
    stop: Callable[[], bool] = never,
) -> None:
    """Train one experiment without one fold, predict that fold, and keep both.

    Raises
    ------
    StoppedError
        If `stop` returned True; the checkpoint is kept.
    """
    study, experiment = Study(task.study), task.experiment
    opened, device = RunStore.open(task.store), device_named(task.device)
    run_ids, runs = opened.ids, _resident(task.store, opened.fingerprint, device)
    train, held_out = np.array(task.train, np.intp), np.array(task.held_out, np.intp)
    seed = task.seed + experiment.seed

    steps: list[tuple[int, int]] = []

    known: list[tuple[Evidence, NDArray[np.float32] | None]] = []

    def drawn(predictor: Predictor, draws: int) -> NDArray[np.float32]:
        if not known:  # the same all through the training
            known.append(evidence_and_distance(predictor, runs, held_out))
        ((evidence, _),) = known
        seen = experiment.spectrogram
        (found,) = predict_draws(
            [predictor], runs, held_out, seen, draws, (seed,), evidence=evidence
        )
        return np.asarray(found)

    def held_out_loss(predictor: Predictor) -> float:
        return mean_log_loss(to_numpy(runs.labels)[held_out], drawn(predictor, 1)[0])

    log = EpochLog(held_out_loss if task.held_out else None)

    def progress(done: int, total: int, loss: float) -> None:
        steps.append((done, total))
        if report is not None:
            measured = log.epochs[-1].measured() if log.epochs else {}
            report(JobReport(task.name, done, total, loss, measured))

    started = time.perf_counter()
    checkpoint = study.checkpoint(experiment.name, task.fold)
    fit = study.fit_folder(task.fold)
    controls = Controls(checkpoint, progress, stop, task.compiled, log, fit)
    sources = None
    if task.sam_like is not None:
        fingerprint = RunStore.open(task.sam_like).fingerprint
        sources = _resident_sources(task.sam_like, fingerprint, device)
    predictor = train_experiment(
        experiment, runs, train, seed, controls, sources=sources, prepared=opened
    )
    seconds = time.perf_counter() - started
    none = np.empty((task.draws, 0, len(FAMILIES)), np.float32)
    probabilities = none if task.fold == WHOLE else drawn(predictor, task.draws)
    record = MemberRecord(
        experiment=experiment,
        fold=task.fold,
        seed=seed,
        seconds=round(seconds, 1),
        # Where it had been stopped, the seconds are of the rest.
        share_timed=1 - (steps[0][0] - 1) / steps[0][1] if steps else 1.0,
        threads=torch.get_num_threads(),
        device=str(runs.device),
        started_from=predictor.started_from,
    )
    held_out_ids = tuple(run_ids[position] for position in task.held_out)
    distance = known[0][1] if known else None
    lacking = None
    if task.fold not in (WHOLE, SAM_FOLD):
        lacking = predict_lacking(task, predictor, opened, device)
    write_member(
        study.member_folder(experiment.name, task.fold),
        predictor,
        record,
        HeldOut(held_out_ids, probabilities, distance),
        lacking,
        log.epochs,
    )
    remove(checkpoint)


def predict_lacking(
    task: MemberTask, predictor: Predictor, runs: RunStore, device: torch.device
) -> HeldOut:
    """Predict versions of held-out runs that lack data, the same ones for every experiment.

    Parameters
    ----------
    task
        Of the member.
    predictor
        Trained without the fold.
    runs
        All of the study.
    device
        Where a network computes.

    Returns
    -------
    HeldOut
        Named as the runs they are versions of.
    """
    versions, own = missing_versions(
        runs,
        np.array(task.held_out, np.intp),
        HELD_OUT_VERSIONS,
        (task.seed, 1, crc32(task.fold.encode())),  # other versions than in training
        count=HELD_OUT_KINDS,
    )
    positions = np.arange(len(versions))
    evidence, distance = evidence_and_distance(predictor, versions, positions)
    (found,) = predict_draws(
        [predictor],
        versions.to(device),
        positions,
        task.experiment.spectrogram,
        min(task.draws, LACKING_DRAWS),
        (task.seed + task.experiment.seed,),
        evidence=evidence,
    )
    run_ids = tuple(runs.ids[task.held_out[place]] for place in own.tolist())
    return HeldOut(run_ids, np.asarray(found), distance)


def evidence_and_distance(
    predictor: Predictor, runs: ResidentRuns, positions: IntArray
) -> tuple[Evidence, NDArray[np.float32] | None]:
    """What a predictor's neighbours indicate of runs, and how far the nearest is ``[run]``.

    Parameters
    ----------
    predictor
        With or without neighbours.
    runs, positions
        Prepared runs, and which of them ``[run]``.
    """
    if predictor.neighbours is None:
        return {}, None
    coarse = coarse_runs(runs, positions)
    found, _, away = predictor.neighbours.evidence_and_nearest(coarse, 1)
    return {predictor.neighbours: found}, away[:, 0].astype(np.float32)
