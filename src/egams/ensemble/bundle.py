"""`load_bundle(path).predict(runs)`: from runs of any source to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.ensemble.bundle_files import TRAINING_RUNS, BundleManifest
from egams.ensemble.ensemble import Ensemble
from egams.ensemble.predictions import Neighbour, Predictions, RunPrediction
from egams.ensemble.training_runs import TrainingRuns
from egams.errors import InputError
from egams.experiments.experiment import Experiment
from egams.io import SkippedRun
from egams.io.sniff import Runs
from egams.models.neighbours import Neighbours
from egams.models.predict import gather_evidence, predict_draws
from egams.models.predictor import Predictor, Shared
from egams.models.registry import load_predictor
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare_in_parts
from egams.store.run_store import RunStore

RUNS_IN_PART = 256
DRAW_SEED = 0
NEAREST_SHOWN = 5
SHIPPED = Path(__file__).parents[1] / "shipped"
"""The bundle trained on the challenge's labelled runs."""


@dataclass(frozen=True)
class Member:
    """An experiment and its trained models, one a fold."""

    experiment: Experiment
    predictors: tuple[Predictor, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """What is found out about some of the runs, before the ensemble speaks."""

    store: RunStore
    members: NDArray[np.float64]
    context: NDArray[np.float32]
    away: NDArray[np.float64] | None


class Bundle:
    """An ensemble that predicts.

    Parameters
    ----------
    manifest
        As in ``manifest.json``: scores, data fingerprint.
    members
        Trained models.
    ensemble
        How they are put together, in the order of `members`.
    training_runs
        What they learned from.
    """

    def __init__(
        self,
        manifest: dict[str, Any],
        members: tuple[Member, ...],
        ensemble: Ensemble,
        training_runs: TrainingRuns,
    ) -> None:
        self.manifest = manifest
        self.members = members
        self.ensemble = ensemble
        self.training_runs = training_runs

    def predict(
        self,
        runs: Runs | RunStore,
        *,
        draws: int | None = None,
        seed: int = DRAW_SEED,
        jobs: int | None = None,
        strict: bool = False,
        device: torch.device | str = "cpu",
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Predict runs: mean over folds and draws of each member, then the ensemble of them.

        Parameters
        ----------
        runs
            A path, a source or reader, runs in memory, or a store.
        draws
            Test-time draws; None takes as many as the members were scored with.
        seed
            Of the draws. Those of a run do not depend on the runs beside it.
        jobs
            Processes that prepare runs; None takes one for each core, and none but this for few.
        strict
            Raise at the first run that cannot be used, instead of listing it in `skipped`.
        device
            As `egams.cross_validate` has it.
        progress
            Called with the number of runs that are prepared, and of all.

        Raises
        ------
        InputError
            If no run can be used, or one cannot and `strict` is set.
        """
        draws = self.manifest["draws"] if draws is None else draws
        for predictor in self._predictors:
            predictor.to(device)
        skipped: list[SkippedRun] = []
        parts = []
        for store in _parts(runs, jobs, strict, progress):
            skipped += store.skipped
            if len(store):
                parts.append(self._part(store, ResidentRuns.load(store, device), draws, seed))
        if not parts:
            reason = f": {skipped[0].reason.rstrip('.')}" if skipped else ""
            raise InputError(f"none of {len(skipped)} runs can be used{reason}")
        return self._together(parts, skipped)

    @property
    def _predictors(self) -> list[Predictor]:
        return [predictor for member in self.members for predictor in member.predictors]

    def _part(self, store: RunStore, runs: ResidentRuns, draws: int, seed: int) -> _Part:
        positions = torch.arange(len(runs), device=runs.device)
        descriptors = None if self._nearest is None else run_descriptors(runs, positions)
        evidence = gather_evidence(self._predictors, runs, positions, descriptors)
        means = [
            predict_draws(
                member.predictors,
                runs,
                positions,
                member.experiment.spectrogram,
                draws,
                (seed, number),
                evidence=evidence,
            ).mean(0, dtype=np.float64)
            for number, member in enumerate(self.members)
        ]
        away = None
        if self._nearest is not None and descriptors is not None:
            away = self._nearest.away(descriptors).cpu().numpy()
        return _Part(store, np.stack(means), runs.context.cpu().numpy(), away)

    @property
    def _nearest(self) -> Neighbours | None:
        """Neighbours that know all training runs."""
        for member in self.members:
            if len(member.predictors) == 1 and member.predictors[0].neighbours is not None:
                return member.predictors[0].neighbours
        return None

    def _together(self, parts: list[_Part], skipped: list[SkippedRun]) -> Predictions:
        members = np.concatenate([part.members for part in parts], axis=2)
        instruments = np.concatenate([part.store.instruments for part in parts])
        mean = members.mean(1)
        probabilities = self.ensemble.probabilities(mean, instruments)
        single = [
            self.ensemble.probabilities(members[:, draw], instruments)
            for draw in range(members.shape[1])
        ]
        nearest, distance = self._neighbours(parts, len(instruments))
        context = np.concatenate([part.context for part in parts])
        columns = (
            [run for part in parts for run in part.store.ids],
            instruments.tolist(),
            probabilities,
            mean.std(0),
            np.std(single, axis=0),
            self.ensemble.conformal.states(probabilities, instruments),
            self.training_runs.novelty.flags(context, distance, instruments),
            nearest,
            [notes for part in parts for notes in part.store.notes],
        )
        return Predictions(
            [RunPrediction(*of_run) for of_run in zip(*columns, strict=True)], skipped
        )

    def _neighbours(
        self, parts: list[_Part], runs: int
    ) -> tuple[tuple[tuple[Neighbour, ...], ...], NDArray[np.float64]]:
        """Nearest training runs of each run, and the distance of the nearest ``[run]``."""
        known = [part.away for part in parts if part.away is not None]
        if not known:
            return ((),) * runs, np.zeros(runs)
        away = np.concatenate(known)
        order = np.argsort(away, axis=1, kind="stable")[:, :NEAREST_SHOWN]
        found = tuple(
            tuple(self.training_runs.neighbour(place, float(row[place])) for place in places)
            for row, places in zip(away, order, strict=True)
        )
        return found, away.min(1)


def _parts(
    runs: Runs | RunStore,
    jobs: int | None,
    strict: bool,
    progress: Callable[[int, int], None] | None,
) -> Iterator[RunStore]:
    if isinstance(runs, RunStore):
        return iter([runs])
    return prepare_in_parts(runs, RUNS_IN_PART, jobs=jobs, strict=strict, progress=progress)


def load_bundle(path: str | Path | None = None) -> Bundle:
    """Load the bundle at `path`, or the one that egams ships; nothing in it is executed.

    Raises
    ------
    ArtifactError
        If it is no bundle, damaged, incomplete, of another format, or of other families.
    """
    folder = SHIPPED if path is None else Path(path)
    manifest = BundleManifest.load(folder)
    manifest.refuse_damaged_files(folder)
    shared: Shared = {}
    members = tuple(
        Member(
            experiment,
            tuple(
                load_predictor(
                    manifest.member_files(folder, experiment.name, fold), experiment.model, shared
                )
                for fold in entry.folds
            ),
        )
        for entry in manifest.members
        for experiment in [entry.experiment]
    )
    training_runs = TrainingRuns.load(folder / TRAINING_RUNS)
    return Bundle(manifest.content(), members, manifest.ensemble, training_runs)
