"""`train_experiment`: a model of any kind, by the one table of trainers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from egams.arrays import IntArray
from egams.experiments.experiment import Experiment
from egams.models.neighbours import NeighboursConfig
from egams.models.predictor import EvidenceAlone, Features, Predictor, WithEvidence
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.spectrogram.sam_like import joined, sam_like_versions
from egams.spectrogram.sam_sources import SamSources
from egams.training.controls import UNWATCHED, Controls
from egams.training.fit_once import fit_once
from egams.training.missing import missing_versions
from egams.training.network.loop import train_network
from egams.training.trees import train_catboost, train_lightgbm

Trainer = Callable[[Experiment, ResidentRuns, IntArray, int, Controls], Predictor]
"""Trains on some of the runs ``[run]``, all of them labelled, with a seed.

Raises `StoppedError` if its controls stop it before the end.
"""


def train_neighbours(
    experiment: Experiment, runs: ResidentRuns, positions: IntArray, _seed: int, controls: Controls
) -> Predictor:
    """Fit the model "neighbours" on some of the runs: see `Trainer`."""
    settings = experiment.model
    assert isinstance(settings, NeighboursConfig)
    fit = fit_once(settings, runs, positions, controls.fit, progress=controls.progress)
    return WithEvidence(EvidenceAlone(), fit[0])


TRAINERS: dict[str, Trainer] = {
    "neighbours": train_neighbours,
    "lightgbm": train_lightgbm,
    "catboost": train_catboost,
}
"""By kind; all others are networks."""


def train_experiment(
    experiment: Experiment,
    runs: ResidentRuns,
    positions: IntArray,
    seed: int,
    controls: Controls = UNWATCHED,
    *,
    sources: SamSources | None = None,
    prepared: Sequence[PreparedRun] | None = None,
) -> Predictor:
    """Train a model of any kind on some of the runs, as its experiment says.

    With evidence, a training run is shown with what the others indicate of it, never its own
    labels; so are versions of it, SAM-like or with data missing.

    Parameters
    ----------
    sources
        Of SAM's backgrounds; None trains without SAM-like versions of commercial runs.
    prepared
        The same runs, to make versions with data missing of; None trains without such.
    """
    train = TRAINERS.get(experiment.model.kind, train_network)
    if train is train_neighbours:
        return train(experiment, runs, positions, seed, controls)
    neighbours, made = None, []
    if experiment.evidence:
        neighbours, evidence = fit_once(NeighboursConfig(), runs, positions, controls.fit)
    if sources is not None and experiment.sam_like > 0:
        made.append(sam_like_versions(runs, positions, sources, experiment.sam_like, seed))
    if prepared is not None and experiment.missing > 0:
        versions, own = missing_versions(prepared, positions, experiment.missing, (seed,))
        made.append((versions.to(runs.device), own))
    for versions, own in made:
        if neighbours is not None:
            coarse = coarse_runs(versions, np.arange(len(versions)))
            evidence = np.concatenate([evidence, neighbours.evidence(coarse, own)])
        added = np.arange(len(runs), len(runs) + len(versions))
        runs, positions = joined([runs, versions]), np.concatenate([positions, added])
    if neighbours is None:
        return train(experiment, runs, positions, seed, controls)
    runs = with_evidence(runs, positions, evidence)
    log = controls.log
    if log is not None and (measure := log.held_out) is not None:
        log = replace(log, held_out=lambda each: measure(WithEvidence(each, neighbours)))
        controls = replace(controls, log=log)
    return WithEvidence(train(experiment, runs, positions, seed, controls), neighbours)


def with_evidence(runs: ResidentRuns, positions: IntArray, found: Features) -> ResidentRuns:
    """Let evidence join the context of some runs; that of the others stays unknown (NaN)."""
    columns = runs.context.new_full((len(runs), found.shape[1]), torch.nan)
    columns[positions] = torch.from_numpy(found).to(columns)
    return replace(runs, context=torch.cat([runs.context, columns], 1))
