"""`train_member`: one experiment, trained without one fold, and what it says of that fold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egams.artifact import remove
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES
from egams.jobs.contract import JobReport
from egams.jobs.device import device_named
from egams.jobs.stopping import never
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.network import NetworkSettings
from egams.models.predictor import NeighbourPredictor, NetworkPredictor, Predictor, predict_draws
from egams.models.trees import CatboostConfig, LightgbmConfig
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.spectrogram.sam_like import joined, sam_like_versions
from egams.spectrogram.sam_sources import SamSources, sam_sources
from egams.store.run_store import RunStore
from egams.study.folds import WHOLE
from egams.study.study import Study, write_member
from egams.training.neighbours import fit_neighbours
from egams.training.network.loop import train_network
from egams.training.trees import train_catboost, train_lightgbm


@lru_cache(maxsize=1)
def _resident(path: Path, fingerprint: str, device: torch.device) -> ResidentRuns:
    # A worker trains many folds of one store: decoding it once a process is enough. The
    # fingerprint tells a store from another one prepared in its place.
    return ResidentRuns.load(RunStore.open(path), device)


@lru_cache(maxsize=1)
def _sources(path: Path, fingerprint: str, device: torch.device) -> SamSources:
    return sam_sources(ResidentRuns.load(RunStore.open(path), device))


@dataclass(frozen=True)
class MemberTask:
    """What there is to know to train one experiment without one fold, in any process.

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
        If `stop` said yes; the checkpoint is kept.
    """
    study, experiment = Study(task.study), task.experiment
    opened, device = RunStore.open(task.store), device_named(task.device)
    run_ids, runs = opened.ids, _resident(task.store, opened.fingerprint, device)
    train = torch.tensor(task.train, device=runs.device)
    held_out = torch.tensor(task.held_out, device=runs.device)
    seed = task.seed + experiment.seed

    heard: list[tuple[int, int]] = []

    def progress(done: int, total: int, loss: float) -> None:
        heard.append((done, total))
        if report is not None:
            report(JobReport(task.name, done, total, loss))

    started = time.perf_counter()
    checkpoint = study.checkpoint(experiment.name, task.fold)
    sources = None
    if task.sam_like is not None:
        fingerprint = RunStore.open(task.sam_like).fingerprint
        sources = _sources(task.sam_like, fingerprint, device)
    predictor = train_experiment(
        experiment, runs, train, seed, checkpoint, progress, sources, stop, task.compiled
    )
    seconds = time.perf_counter() - started
    probabilities = np.empty((task.draws, 0, len(FAMILIES)), np.float32)
    if task.fold != WHOLE:
        (probabilities,) = predict_draws(
            [predictor], runs, held_out, experiment.spectrogram, task.draws, (seed,)
        )
    record = {
        "experiment": experiment.model_dump(mode="json"),
        "fold": task.fold,
        "seed": seed,
        "seconds": round(seconds, 1),
        # Where it had been stopped, the seconds are of the rest.
        "share_timed": 1 - (heard[0][0] - 1) / heard[0][1] if heard else 1.0,
        "threads": torch.get_num_threads(),
        "device": str(runs.device),
    }
    if isinstance(predictor, NetworkPredictor):
        record["started_from"] = predictor.started_from
    write_member(
        study.member_folder(experiment.name, task.fold),
        predictor,
        record,
        tuple(run_ids[position] for position in task.held_out),
        probabilities,
    )
    remove(checkpoint)


def train_experiment(
    experiment: Experiment,
    runs: ResidentRuns,
    positions: Tensor,
    seed: int,
    checkpoint: Path | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    sources: SamSources | None = None,
    stop: Callable[[], bool] = never,
    compiled: bool = False,
) -> Predictor:
    """Train a model of any kind on some of the runs, as its experiment says.

    With evidence, a training run is shown what the others say of it, never its own labels; so is
    a SAM-like version of it.

    Parameters
    ----------
    sources
        Of SAM's backgrounds; None trains without SAM-like versions of commercial runs.
    stop, compiled
        See `egams.training.network.loop.train_network`.
    """
    model = experiment.model
    if isinstance(model, NeighboursConfig):
        neighbours, _ = fit_neighbours(model, runs, positions, progress=progress)
        return NeighbourPredictor(neighbours)
    nearest: Neighbours | None = None
    on_training = torch.empty(0)
    if experiment.evidence:
        nearest, on_training = fit_neighbours(NeighboursConfig(), runs, positions)
    if sources is not None and experiment.sam_like > 0:
        versions, own = sam_like_versions(runs, positions, sources, experiment.sam_like, seed)
        if nearest is not None:
            descriptors = run_descriptors(versions, torch.arange(len(versions), device=runs.device))
            on_training = torch.cat([on_training, nearest.left_out(descriptors, own)])
        added = torch.arange(len(runs), len(runs) + len(versions), device=runs.device)
        runs, positions = joined([runs, versions]), torch.cat([positions, added])
    if nearest is not None:
        runs = with_evidence(runs, positions, on_training)
    predictor: Predictor
    learned_from = (experiment.spectrogram, runs, positions, seed)
    threads = torch.get_num_threads()
    if isinstance(model, LightgbmConfig):
        predictor = train_lightgbm(
            model,
            *learned_from,
            threads=threads,
            checkpoint=checkpoint,
            progress=progress,
            stop=stop,
        )
    elif isinstance(model, CatboostConfig):
        predictor = train_catboost(model, *learned_from, threads=threads)
    else:
        assert isinstance(model, NetworkSettings)
        predictor = train_network(
            model,
            experiment.spectrogram,
            experiment.training,
            runs,
            positions,
            seed,
            checkpoint=checkpoint,
            progress=progress,
            stop=stop,
            compiled=compiled,
        )
    predictor.neighbours = nearest
    return predictor


def with_evidence(runs: ResidentRuns, positions: Tensor, found: Tensor) -> ResidentRuns:
    """Let evidence join the context of some runs; that of the others stays unknown (NaN)."""
    columns = runs.context.new_full((len(runs), found.shape[1]), torch.nan)
    columns[positions] = found.to(columns)
    return replace(runs, context=torch.cat([runs.context, columns], 1))
