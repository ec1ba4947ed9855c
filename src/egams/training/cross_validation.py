"""`cross_validate`: every experiment on every fold, each held-out run predicted once a draw."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egams.artifact import remove
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.models.boosting import LightgbmConfig
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.predictor import NeighbourPredictor, Predictor, predict_draws
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.training.boosting import train_boosters
from egams.training.executor import Job, JobReport, run_jobs
from egams.training.experiment import Experiment, experiment_named
from egams.training.folds import SAM_FOLD, Folds, make_folds
from egams.training.loop import train_network
from egams.training.neighbours import fit_neighbours
from egams.training.study import MEMBER, Study, Truth, write_member

FOLD_SEED = 42
DRAWS = 16


def cross_validate(
    store: RunStore | str | Path,
    experiments: Experiment | str | Sequence[Experiment | str],
    output: str | Path = "study",
    *,
    folds: int = 4,
    sam_fold: bool = False,
    seed: int = 0,
    draws: int = DRAWS,
    jobs: int | None = None,
    report: Callable[[JobReport], None] | None = None,
) -> Study:
    """Train experiments by cross-validation and keep members and held-out predictions.

    Folds that are finished are not trained again; unfinished trainings resume. Nothing is chosen
    by the score of a fold.

    Parameters
    ----------
    store
        Prepared runs; those without labels take no part.
    experiments
        Names or experiments of one's own.
    output
        Folder of the study.
    folds
        Number of folds, stratified over labels and instrument, kept in ``folds.json``.
    sam_fold
        Also train on commercial runs alone and test on SAM testbed runs.
    seed
        Of training; folds are shuffled with seed 42.
    draws
        Test-time draws of each held-out run.
    jobs
        Trainings at a time; None takes one for each core.
    report
        Called with the progress of every training.

    Raises
    ------
    ConfigError
        If an experiment is unknown or named twice, or there are too few labelled runs.
    ArtifactError
        If the folder holds a study of other runs, folds or seed, or an experiment of the same name
        with other settings.
    EgamsError
        If a training failed; the others are finished and kept.
    """
    opened = store if isinstance(store, RunStore) else RunStore.open(store)
    listed = [experiments] if isinstance(experiments, Experiment | str) else experiments
    chosen = [
        entry if isinstance(entry, Experiment) else experiment_named(entry) for entry in listed
    ]
    twice = [name for name, times in Counter(each.name for each in chosen).items() if times > 1]
    if twice:
        raise ConfigError(f"two experiments are called '{twice[0]}'; expected different names.")
    labelled = np.flatnonzero(opened.labelled)
    if len(labelled) < 2 * folds:
        raise ConfigError(
            f"{len(labelled)} labelled runs for {folds} folds; expected at least {2 * folds}. "
            "Prepare the store with labels, or ask for fewer folds."
        )
    study = Study.create(
        Path(output),
        {
            "data": opened.fingerprint,
            "folds": folds,
            "seed": seed,
            "draws": draws,
            "runs_used": len(labelled),
        },
    )
    study.keep_truth(
        {
            opened.ids[position]: Truth(
                str(opened.instruments[position]), opened.labels[position].astype(int).tolist()
            )
            for position in labelled
        }
    )
    for experiment in chosen:
        _refuse_other_settings(study, experiment)
    kept = _folds(study, opened, labelled, folds)
    names = [str(fold) for fold in range(folds)] + ([SAM_FOLD] if sam_fold else [])
    jobs = jobs or _cores()
    with tempfile.TemporaryDirectory() as scratch:
        path = opened.path_or_copy(Path(scratch) / "runs.store")
        work = [
            Job(
                f"{experiment.name} fold {fold}",
                (path, study.folder, experiment, fold, _held_out(fold, kept, opened), seed, draws),
            )
            for experiment in chosen
            for fold in names
            if not (study.member_folder(experiment.name, fold) / MEMBER).is_file()
        ]
        failures = run_jobs(train_member, work, jobs, report)
    if failures:
        lines = "\n".join(f"  {failure.job}: {failure.reason}" for failure in failures)
        raise EgamsError(
            f"{len(failures)} of {len(work)} trainings failed; the others are kept. "
            f"Run the same command to try them again.\n{lines}"
        )
    return study


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _refuse_other_settings(study: Study, experiment: Experiment) -> None:
    for fold in study.folds_done(experiment.name):
        folder = study.member_folder(experiment.name, fold)
        there = study.experiment_of(folder).model_dump(mode="json")
        if there != experiment.model_dump(mode="json"):
            raise ArtifactError(
                f"{folder}: trained with other settings than the '{experiment.name}' asked for. "
                "Give the experiment another name, or remove the folder to train it anew."
            )


def _folds(study: Study, store: RunStore, labelled: NDArray[np.intp], count: int) -> Folds:
    run_ids = tuple(np.array(store.ids)[labelled].tolist())
    if study.folds_path.is_file():
        return Folds.load(study.folds_path, run_ids)
    rng = np.random.default_rng(FOLD_SEED)
    made = make_folds(run_ids, store.labels[labelled], store.instruments[labelled], count, rng)
    made.save(study.folds_path)
    return made


def _held_out(fold: str, folds: Folds, store: RunStore) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions in the store to train on and to hold out."""
    where = {run: position for position, run in enumerate(store.ids)}
    positions = np.array([where[run] for run in folds.run_ids])
    held = (
        store.instruments[positions] == "sam_testbed"
        if fold == SAM_FOLD
        else folds.fold == int(fold)
    )
    if held.all() or not held.any():
        raise ConfigError(
            f"fold '{fold}' would leave {int((~held).sum())} runs to train on and "
            f"{int(held.sum())} to test; expected some of both."
        )
    return tuple(positions[~held].tolist()), tuple(positions[held].tolist())


@lru_cache(maxsize=1)
def _resident(path: Path, fingerprint: str) -> ResidentRuns:
    # A worker trains many folds of one store: decoding it once a process is enough. The
    # fingerprint tells a store from another one prepared in its place.
    return ResidentRuns.load(RunStore.open(path))


def train_member(
    store: Path,
    folder: Path,
    experiment: Experiment,
    fold: str,
    split: tuple[tuple[int, ...], tuple[int, ...]],
    seed: int,
    draws: int,
    *,
    report: Callable[[JobReport], None] | None = None,
) -> None:
    """Train one experiment without one fold, predict that fold, and keep both."""
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
    predictor = train_experiment(experiment, runs, train, seed, checkpoint, progress)
    seconds = time.perf_counter() - started
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
) -> Predictor:
    """Train a model of any kind on some of the runs, as its experiment says.

    With evidence, a training run is shown what the others say of it, never its own labels.
    """
    model = experiment.model
    if isinstance(model, NeighboursConfig):
        neighbours, _ = fit_neighbours(model, runs, positions, progress=progress)
        return NeighbourPredictor(neighbours)
    nearest: Neighbours | None = None
    if experiment.evidence:
        nearest, on_training = fit_neighbours(NeighboursConfig(), runs, positions)
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
