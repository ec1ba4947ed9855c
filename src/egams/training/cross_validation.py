"""`cross_validate`: every experiment on every fold, each held-out run predicted once a draw."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.experiments.zoo import experiments_named
from egams.jobs.choose import choose_executor
from egams.jobs.contract import Executor, Report
from egams.jobs.device import device_named
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.stopping import stop_on_signals
from egams.jobs.trackers import Trackers, trackers_named
from egams.lock import alone_in
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.begin import begin_study
from egams.study.folds import SAM_FOLD, WHOLE, Folds, FoldSettings, make_folds
from egams.study.mirror import Mirror
from egams.study.near_duplicates import NEAR, near_duplicate_groups
from egams.study.records import StudyManifest
from egams.study.storage import Storage
from egams.study.study import Study
from egams.training.compute import HERE, Compute
from egams.training.member import MemberTask
from egams.training.trainings import train_all

FOLD_SEED = 42
DRAWS = 16


def cross_validate(
    store: RunStore | str | Path,
    experiments: Experiment | str | Sequence[Experiment | str],
    output: str | Path = "study",
    *,
    folds: int | FoldSettings = 4,
    sam_sources: RunStore | str | Path | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    jobs: int | None = None,
    compute: Compute = HERE,
    report: Report | None = None,
    tracker: Trackers | str | None = None,
) -> Study:
    """Train experiments by cross-validation and keep members and held-out predictions.

    Folds that are finished are not trained again; unfinished trainings resume. Nothing is chosen
    by the score of a fold.

    Parameters
    ----------
    store
        Prepared runs; those without labels take no part.
    experiments
        Names, sets or files as `egams.experiments.zoo` knows them, or experiments of one's own.
    output
        Folder of the study.
    folds
        Into which folds, or their number alone.
    sam_sources
        SAM testbed runs of their own store, labelled or not, whose backgrounds make some of the
        commercial training runs SAM-like: see `egams.spectrogram.sam_like`.
    seed
        Of training; folds are shuffled with seed 42.
    draws
        Test-time draws of each held-out run.
    jobs
        Trainings at a time; None takes one for each core, on GPUs up to four each.
    compute
        Where trainings run, and for how long.
    report
        Called with the progress of every training.
    tracker
        ``"tensorboard"`` (into ``OUTPUT/tensorboard``), ``"mlflow"``, or what makes a tracker of
        one's own: see `egams.jobs.trackers`.

    Raises
    ------
    ConfigError
        If an experiment is unknown or named twice, there are too few labelled runs, a source is
        among the runs of the study, or settings contradict each other.
    ArtifactError
        If the folder holds a study of other runs, folds or seed, or an experiment of the same name
        with other settings, or another process trains it.
    EgamsError
        If a training failed; the others are finished and kept.
    StoppedError
        If the time was up, or Ctrl-C or SIGTERM stopped it; the same call goes on. The second
        Ctrl-C ends it at once.
    """
    deadline = compute.deadline_from_now()
    settings = folds if isinstance(folds, FoldSettings) else FoldSettings(folds)
    opened = store if isinstance(store, RunStore) else RunStore.open(store)
    chosen = _chosen(experiments)
    labelled = _labelled(opened, settings.count)
    sources = _sources_apart(sam_sources, opened)
    runner = _runner(compute, jobs, len(chosen) * len(settings.names))
    mirror = None if compute.storage is None else _mirror(Path(output), compute.storage, runner)
    trackers = trackers_named(tracker, Path(output)) if isinstance(tracker, str) else tracker
    study = _claimed(Path(output), opened, labelled, sources, settings, seed, draws)
    for experiment in chosen:
        _refuse_other_settings(study, experiment)
    kept = _folds(study, opened, labelled, settings)
    if mirror is not None:
        mirror.put_beginning()
        mirror.sync((experiment.name, fold) for experiment in chosen for fold in settings.names)
    with alone_in(study.folder), tempfile.TemporaryDirectory() as scratch:
        path = opened.path_or_copy(Path(scratch) / "runs.store").resolve()
        sam_copy = Path(scratch) / "sam.store"
        sam_like = None if sources is None else sources.path_or_copy(sam_copy).resolve()
        tasks = [
            MemberTask(
                path,
                study.folder.resolve(),
                experiment,
                fold,
                *_held_out(fold, kept, opened),
                seed,
                draws,
                sam_like,
                compute.device,
                compute.compiled,
            )
            for experiment in chosen
            for fold in settings.names
        ]
        with stop_on_signals(deadline) as request:
            train_all(study, tasks, runner, mirror, report, request, trackers)
    return study


def _chosen(experiments: Experiment | str | Sequence[Experiment | str]) -> list[Experiment]:
    listed = [experiments] if isinstance(experiments, Experiment | str) else experiments
    chosen = [
        experiment
        for entry in listed
        for experiment in ([entry] if isinstance(entry, Experiment) else experiments_named(entry))
    ]
    twice = [name for name, times in Counter(each.name for each in chosen).items() if times > 1]
    if twice:
        raise ConfigError(f"two experiments are called '{twice[0]}'; expected different names.")
    return chosen


def _labelled(store: RunStore, folds: int) -> NDArray[np.intp]:
    """Positions in the store of the runs to train on."""
    labelled = np.flatnonzero(store.labelled)
    if len(labelled) < 2 * folds:
        raise ConfigError(
            f"{len(labelled)} labelled runs for {folds} folds; expected at least {2 * folds}. "
            "Prepare the store with labels, or ask for fewer folds."
        )
    return labelled


def _claimed(
    output: Path,
    store: RunStore,
    labelled: NDArray[np.intp],
    sources: RunStore | None,
    folds: FoldSettings,
    seed: int,
    draws: int,
) -> Study:
    """The study of these runs and settings, which goes on where it is there already."""
    manifest = StudyManifest(
        data=store.fingerprint,
        folds=folds.count,
        seed=seed,
        draws=draws,
        runs_used=len(labelled),
        grouped_below=NEAR if folds.grouped else None,
        sam_sources=None if sources is None else sources.fingerprint,
    )
    return begin_study(output, manifest, store)


def _runner(compute: Compute, jobs: int | None, trainings: int) -> Executor:
    device = compute.device
    runner = choose_executor(compute.executor, jobs, tasks=trainings, device=device)
    if not isinstance(runner, RayExecutor):
        device_named(device)  # refused at once, not by every training
    return runner


def _mirror(output: Path, url: str, executor: Executor) -> Mirror:
    storage = Storage(url)
    if storage.within_one_process and not isinstance(executor, LocalExecutor):
        raise ConfigError(
            f"storage '{url}' is seen by one process only; expected the executor 'local', or a "
            "storage that every process can reach."
        )
    mirror = Mirror(Study(output), storage)
    mirror.fetch_beginning()
    return mirror


def _sources_apart(given: RunStore | str | Path | None, store: RunStore) -> RunStore | None:
    """Open the sources; none of them may be a run of the study, lest it teach of itself."""
    if given is None:
        return None
    sources = given if isinstance(given, RunStore) else RunStore.open(given)
    twice = sorted(set(sources.ids) & set(store.ids))
    if twice:
        raise ConfigError(
            f"run '{twice[0]}' is both among the SAM sources and among the runs to train on; "
            "expected other runs. Prepare the sources from runs without labels."
        )
    return sources


def _refuse_other_settings(study: Study, experiment: Experiment) -> None:
    for fold in study.folds_done(experiment.name):
        folder = study.member_folder(experiment.name, fold)
        there = study.record(experiment.name, fold).experiment.flat()
        requested = experiment.flat()
        for name in there | requested:
            if there.get(name) != requested.get(name):
                raise ArtifactError(
                    f"{folder}: '{experiment.name}' was trained with {name} = {there.get(name)}; "
                    f"requested was {name} = {requested.get(name)}. Give the experiment another "
                    "name (--set name=NAME), or remove the folder to train it anew."
                )


def _folds(
    study: Study, store: RunStore, labelled: NDArray[np.intp], settings: FoldSettings
) -> Folds:
    run_ids = tuple(np.array(store.ids)[labelled].tolist())
    if study.folds_path.is_file():
        return Folds.load(study.folds_path, run_ids)
    rng = np.random.default_rng(FOLD_SEED)
    groups = None
    if settings.grouped:
        runs = ResidentRuns.load([store[position] for position in labelled.tolist()])
        groups = near_duplicate_groups(run_descriptors(runs, np.arange(len(labelled))))
    labels, instruments = store.labels[labelled], store.instruments[labelled]
    made = make_folds(run_ids, labels, instruments, settings.count, rng, groups)
    made.save(study.folds_path)
    return made


def _held_out(fold: str, folds: Folds, store: RunStore) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions in the store to train on and to hold out."""
    where = {run: position for position, run in enumerate(store.ids)}
    positions = np.array([where[run] for run in folds.run_ids])
    if fold == WHOLE:
        return tuple(positions.tolist()), ()
    of_sam = store.instruments[positions] == "sam_testbed"
    held = of_sam if fold == SAM_FOLD else folds.fold == int(fold)
    if held.all() or not held.any():
        raise ConfigError(
            f"fold '{fold}' would leave {int((~held).sum())} runs to train on and "
            f"{int(held.sum())} to test; expected some of both."
        )
    return tuple(positions[~held].tolist()), tuple(positions[held].tolist())
