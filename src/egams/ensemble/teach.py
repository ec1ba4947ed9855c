"""`teach`: a laboratory's labelled runs join the runs that a bundle knows, without training.

The Gaussian process is solved anew with them, with the kernel as it was fitted. So they count in
its evidence, which trees and networks see too, and among the nearest runs. Members, weights and
calibration stay.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egams.arrays import IntArray
from egams.artifact import file_digests, kind_of, written_whole
from egams.ensemble.bundle import SHIPPED, load_bundle
from egams.ensemble.bundle_files import TRAINING_RUNS, BundleManifest, TrainingRuns
from egams.errors import ConfigError, InputError
from egams.io.sniff import Runs
from egams.logistic import sigmoid
from egams.logloss import mean_log_loss
from egams.models.neighbours import Neighbours
from egams.models.predictor import NEIGHBOURS
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore


@dataclass(frozen=True)
class Lesson:
    """What teaching changed, in mean log loss.

    Parameters
    ----------
    runs
        Runs that were taught.
    before
        Of these runs, by the bundle as it was.
    after
        Of these runs, each predicted by the taught bundle as if it had not been taught that one.
    known_before, known_after
        Of the runs that the bundle knew before, by neighbours alone, each from the others.
    """

    runs: int
    before: float
    after: float
    known_before: float
    known_after: float


def teach(runs: Runs | RunStore, output: str | Path, bundle: str | Path | None = None) -> Lesson:
    """Write a bundle that also knows some labelled runs.

    Parameters
    ----------
    runs
        A path, a source or reader, runs in memory, or a store; all labelled.
    output
        Bundle to write, a folder.
    bundle
        That is taught, and stays as it is; None for the bundle that egams ships.

    Raises
    ------
    InputError
        If a run is not labelled, or the bundle knows one of that name.
    ConfigError
        If the bundle has no members that were trained on all runs and know their neighbours, or
        something else stands at `output`.
    """
    folder, output = SHIPPED if bundle is None else Path(bundle), Path(output)
    if output.exists() and kind_of(output) != BundleManifest.kind:
        raise ConfigError(f"{output}: exists and is no bundle. Choose another name.")
    known = load_bundle(folder)
    neighbours = known.whole_neighbours
    if neighbours is None:
        raise ConfigError(
            f"{folder}: has no neighbours of all its training runs, so it cannot be taught. "
            "Cross-validate with --whole and with an experiment that has evidence."
        )
    store = runs if isinstance(runs, RunStore) else prepare(runs)
    _refuse_unusable(store, known.training_runs)
    resident = ResidentRuns.load(store)
    coarse = coarse_runs(resident, np.arange(len(resident)))
    taught = neighbours.taught(coarse, store.labels)
    training_runs = replace_runs(known.training_runs, store)
    _write(folder, output, taught, training_runs, len(store))
    own = np.arange(len(neighbours), len(taught))
    before = known.predict(store).probabilities
    after = load_bundle(output).predict_known(store, own).probabilities
    old = np.arange(len(neighbours))
    return Lesson(
        runs=len(store),
        before=mean_log_loss(store.labels, before),
        after=mean_log_loss(store.labels, after),
        known_before=_among_themselves(neighbours, old),
        known_after=_among_themselves(taught, old),
    )


def replace_runs(known: TrainingRuns, store: RunStore) -> TrainingRuns:
    """Name further runs, after those that are known."""
    labels = tuple(tuple(map(int, row)) for row in store.labels.tolist())
    return known.model_copy(
        update={"run_ids": (*known.run_ids, *store.ids), "labels": (*known.labels, *labels)}
    )


def _refuse_unusable(store: RunStore, known: TrainingRuns) -> None:
    unlabelled = [
        run for run, row in zip(store.ids, store.labels, strict=True) if np.isnan(row).any()
    ]
    if unlabelled:
        raise InputError(
            f"{len(unlabelled)} of {len(store)} runs have no labels, '{unlabelled[0]}' first",
            expected="0 or 1 for each family of every run that is taught",
            hint="Give --labels, or leave these runs out.",
        )
    there = sorted(set(store.ids) & set(known.run_ids))
    if there:
        raise InputError(
            f"the bundle knows a run '{there[0]}' already",
            expected="runs of other names",
            hint="To teach corrected labels, teach the bundle that did not know the run.",
        )


def _among_themselves(neighbours: Neighbours, places: IntArray) -> float:
    """Log loss of some training runs, each predicted from all others."""
    mean, variance = neighbours.whole.from_others()
    probability = sigmoid(neighbours.whole.kernel.logits(mean, variance))
    return mean_log_loss(neighbours.state["labels"][places], np.asarray(probability)[places])


def _write(
    folder: Path, output: Path, taught: Neighbours, training_runs: TrainingRuns, added: int
) -> None:
    manifest = BundleManifest.load(folder)
    with written_whole(output) as temporary:
        temporary.mkdir()
        for path in manifest.files:
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.name == NEIGHBOURS:
                taught.save(target)
            elif target.parent.name != TRAINING_RUNS:
                shutil.copyfile(folder / path, target)
        training_runs.save(temporary / TRAINING_RUNS)
        files = file_digests(temporary, [temporary / path for path in manifest.files])
        manifest.model_copy(update={"files": files, "taught": manifest.taught + added}).save(
            temporary
        )
