"""`train_member`: one experiment, trained without one fold, and what it says of that fold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egams.artifact import remove
from egams.families import FAMILIES
from egams.models.boosting import LightgbmConfig
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.predictor import NeighbourPredictor, Predictor, predict_draws
from egams.spectrogram.resident import ResidentRuns
from egams.spectrogram.sam_like import joined, sam_like_versions
from egams.spectrogram.sam_sources import SamSources, sam_sources
from egams.spectrogram.views import run_views
from egams.store.run_store import RunStore
from egams.training.boosting import train_boosters
from egams.training.executor import JobReport
from egams.training.experiment import Experiment
from egams.training.folds import WHOLE
from egams.training.loop import train_network
from egams.training.neighbours import fit_neighbours
from egams.training.study import Study, write_member


@lru_cache(maxsize=1)
def _resident(path: Path, fingerprint: str) -> ResidentRuns:
    # A worker trains many folds of one store: decoding it once a process is enough. The
    # fingerprint tells a store from another one prepared in its place.
    return ResidentRuns.load(RunStore.open(path))


@lru_cache(maxsize=1)
def _sources(path: Path, fingerprint: str) -> SamSources:
    return sam_sources(ResidentRuns.load(RunStore.open(path)))


def train_member(
    store: Path,
    folder: Path,
    experiment: Experiment,
    fold: str,
    split: tuple[tuple[int, ...], tuple[int, ...]],
    seed: int,
    draws: int,
    sam_like: Path | None,
    *,
    report: Callable[[JobReport], None] | None = None,
) -> None:
    """Train one experiment without one fold, predict that fold, and keep both.

    Parameters
    ----------
    store
        Prepared runs.
    folder
        Of the study.
    split
        Positions in the store to train on and to hold out.
    sam_like
        Store of SAM testbed runs whose backgrounds make commercial runs SAM-like; None for none.
    """
    study = Study(folder)
    opened = RunStore.open(store)
    run_ids, runs = opened.ids, _resident(store, opened.fingerprint)
    train, held_out = (torch.tensor(positions, device=runs.device) for positions in split)
    name = f"{experiment.name} fold {fold}"

    def progress(done: int, total: int, loss: float) -> None:
        if report is not None:
            report(JobReport(name, done, total, loss))

    started = time.perf_counter()
    checkpoint = study.checkpoint(experiment.name, fold)
    sources = None
    if sam_like is not None:
        sources = _sources(sam_like, RunStore.open(sam_like).fingerprint)
    predictor = train_experiment(experiment, runs, train, seed, checkpoint, progress, sources)
    seconds = time.perf_counter() - started
    probabilities = np.empty((draws, 0, len(FAMILIES)), np.float32)
    if fold != WHOLE:
        (probabilities,) = predict_draws(
            [predictor], runs, held_out, experiment.spectrogram, draws, (seed,)
        )
    record = {
        "experiment": experiment.model_dump(mode="json"),
        "fold": fold,
        "seed": seed,
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
        "device": str(runs.device),
    }
    write_member(
        study.member_folder(experiment.name, fold),
        predictor,
        record,
        tuple(run_ids[position] for position in split[1]),
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
) -> Predictor:
    """Train a model of any kind on some of the runs, as its experiment says.

    With evidence, a training run is shown what the others say of it, never its own labels; so is
    a SAM-like version of it.

    Parameters
    ----------
    sources
        Of SAM's backgrounds; None trains without SAM-like versions of commercial runs.
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
            views = run_views(versions, torch.arange(len(versions), device=runs.device))
            on_training = torch.cat([on_training, nearest.left_out(views, own)])
        added = torch.arange(len(runs), len(runs) + len(versions), device=runs.device)
        runs, positions = joined([runs, versions]), torch.cat([positions, added])
    if nearest is not None:
        runs = with_evidence(runs, positions, on_training)
    predictor: Predictor
    if isinstance(model, LightgbmConfig):
        predictor = train_boosters(
            model,
            experiment.spectrogram,
            runs,
            positions,
            seed,
            threads=torch.get_num_threads(),
            progress=progress,
        )
    else:
        predictor = train_network(
            model,
            experiment.spectrogram,
            experiment.training,
            runs,
            positions,
            seed,
            checkpoint=checkpoint,
            progress=progress,
        )
    predictor.neighbours = nearest
    return predictor


def with_evidence(runs: ResidentRuns, positions: Tensor, found: Tensor) -> ResidentRuns:
    """Let evidence join the context of some runs; that of the others stays unknown (NaN)."""
    columns = runs.context.new_full((len(runs), found.shape[1]), torch.nan)
    columns[positions] = found.to(columns)
    return replace(runs, context=torch.cat([runs.context, columns], 1))
