"""`load_bundle(path).predict(runs)`: from runs of any source to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray, to_numpy
from egams.ensemble.bundle_files import TRAINING_RUNS, BundleManifest, TrainingRuns
from egams.ensemble.ensemble import Ensemble
from egams.ensemble.predictions import Neighbour, Predictions, RunPrediction
from egams.ensemble.unseen import unseen, unseen_flags
from egams.errors import InputError
from egams.experiments.experiment import Experiment
from egams.io import SkippedRun
from egams.io.sniff import Runs
from egams.logloss import refuse_no_probabilities
from egams.models.neighbours import Neighbours
from egams.models.predict import gather_evidence, predict_draws
from egams.models.predictor import Predictor, Shared
from egams.models.registry import load_predictor
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.context import Context
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare_in_parts
from egams.store.run_store import RunStore

if TYPE_CHECKING:
    from egams import Explanation

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


@dataclass(eq=False, repr=False)
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
    device
        Where networks compute, see `predict`.
    """

    manifest: dict[str, Any]
    members: tuple[Member, ...]
    ensemble: Ensemble
    training_runs: TrainingRuns
    device: str = "cpu"
    _moved: dict[str, Bundle] = field(default_factory=dict, init=False)

    def predict(
        self,
        runs: Runs | RunStore,
        *,
        draws: int | None = None,
        seed: int = DRAW_SEED,
        jobs: int | None = None,
        strict: bool = False,
        device: str = "cpu",
        progress: Callable[[int, int], None] | None = None,
        blank: Runs | None = None,
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
            Where networks compute, and spectrograms are made: ``"cpu"``, without torch, or as
            `egams.cross_validate` has it.
        progress
            Called with the number of runs that are prepared, and of all.
        blank
            A run without sample, or what holds one: subtracted from each run before it is prepared,
            see `egams.preprocess.blank.subtract_blank`. Predictions carry the answer without it.

        Raises
        ------
        InputError
            If no run can be used, or one cannot and `strict` is set.
        """
        if blank is not None:
            from egams.ensemble.blanked import predict_without_blank

            settings = {"draws": draws, "seed": seed, "jobs": jobs, "strict": strict}
            return predict_without_blank(
                self, runs, blank, device=device, progress=progress, **settings
            )
        draws = self.manifest["draws"] if draws is None else draws
        bundle = self if device == "cpu" else self._on(device)
        skipped: list[SkippedRun] = []
        predicted: list[RunPrediction] = []
        stores: Iterable[RunStore] = (
            [runs]
            if isinstance(runs, RunStore)
            else prepare_in_parts(runs, RUNS_IN_PART, jobs=jobs, strict=strict, progress=progress)
        )
        for store in stores:
            skipped += store.skipped
            if len(store):
                predicted += bundle._part(store, bundle._resident(store), draws, seed)
        if not predicted:
            reason = f": {skipped[0].reason.rstrip('.')}" if skipped else ""
            raise InputError(f"none of {len(skipped)} runs can be used{reason}")
        return Predictions(predicted, skipped)

    def explain(
        self,
        run: Runs | RunStore,
        *,
        families: Collection[str] | None = None,
        draws: int | None = None,
        seed: int = DRAW_SEED,
    ) -> Explanation:
        """Find out which ions, at which temperatures, carry the answer on one run.

        Parameters
        ----------
        run
            A path or source of one run, a run in memory, or a store of one run.
        families
            Which to explain; None for those that are present or uncertain.
        draws, seed
            As for `predict`.

        Raises
        ------
        InputError
            If there is not exactly one run, or it cannot be used.
        ConfigError
            If a family is unknown.
        """
        import egams  # through the front door: what explains stands on bundles

        return egams.explain_run(run, self, families=families, draws=draws, seed=seed)

    def training_run(self, run_id: str) -> NDArray[np.float32]:
        """Return what the bundle keeps of a training run: mean abundances ``[m/z, bin]``.

        In bins of 24 degC, about ``30 + 24 i``, relative to the run's largest and rounded to 3 %;
        NaN where it was not measured.

        Parameters
        ----------
        run_id
            Its name.

        Raises
        ------
        InputError
            If the bundle keeps nothing of such a run.
        """
        known = self.whole_neighbours
        if known is not None and run_id in self.training_runs.run_ids:
            kept = known.coarse(self.training_runs.run_ids.index(run_id))
            if kept is not None:
                abundance: NDArray[np.float32] = kept.abundance[0]
                return abundance
        raise InputError(f"the bundle keeps nothing of a training run '{run_id}'")

    def _on(self, device: str) -> Bundle:
        """Return the bundle with models, and runs that are to come, on another device."""
        from egams.jobs.device import device_named

        named = device_named(device)
        if named.type == "cpu":
            return self
        if device not in self._moved:  # once, for many shards
            members = [
                replace(member, predictors=tuple(each.on(named) for each in member.predictors))
                for member in self.members
            ]
            self._moved[device] = replace(self, members=tuple(members), device=str(named))
        return self._moved[device]

    def _resident(self, store: RunStore) -> ResidentRuns:
        runs = ResidentRuns.load(store)
        return runs if self.device == "cpu" else runs.to(self.device)

    @property
    def _predictors(self) -> list[Predictor]:
        return [predictor for member in self.members for predictor in member.predictors]

    def predict_known(self, store: RunStore, own: IntArray) -> Predictions:
        """Predict runs that are among the training runs of the neighbours, each without itself.

        Parameters
        ----------
        store
            Prepared runs.
        own
            Place of each among the training runs ``[run]``.
        """
        draws = self.manifest["draws"]
        return Predictions(self._part(store, self._resident(store), draws, DRAW_SEED, own))

    def _part(
        self,
        store: RunStore,
        runs: ResidentRuns,
        draws: int,
        seed: int,
        own: IntArray | None = None,
    ) -> list[RunPrediction]:
        positions = np.arange(len(runs))
        known = self.whole_neighbours
        coarse = coarse_runs(runs, positions)
        evidence = {}
        if known is not None:
            evidence[known], places, away = known.evidence_and_nearest(coarse, NEAREST_SHOWN, own)
        evidence |= gather_evidence(self._predictors, runs, positions, coarse, evidence)
        of_members = [
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
        members, instruments = np.stack(of_members), store.instruments
        nearest: list[tuple[Neighbour, ...]] = [()] * len(runs)
        distance = None
        if known is not None:
            nearest, distance = [*map(self._neighbours, places, away)], away[:, 0]
        context = to_numpy(runs.context)
        described = Context.decode(context)
        novelty = self.training_runs.novelty
        lacks, hidden = novelty.lacks(described), unseen(described)
        mean = members.mean(1)
        probabilities = self.ensemble.probabilities(
            mean, instruments, lacks=lacks, distance=distance
        )
        refuse_no_probabilities(probabilities, "the ensemble of the bundle")
        single = [
            self.ensemble.probabilities(
                members[:, draw], instruments, lacks=lacks, distance=distance
            )
            for draw in range(members.shape[1])
        ]
        calls = self.ensemble.calls(probabilities, instruments, lacks=lacks, distance=distance)
        calls[(calls == "absent") & (hidden != "")] = "uncertain"
        near = np.zeros(len(runs)) if distance is None else distance
        unlike = novelty.flags(context, near, instruments)
        not_excluded = np.where(calls == "present", "", hidden)
        columns = (
            store.ids,
            instruments.tolist(),
            probabilities,
            mean.std(0),
            np.std(single, axis=0),
            calls,
            hidden,
            [one + unseen_flags(other) for one, other in zip(unlike, not_excluded, strict=True)],
            nearest,
            store.notes,
        )
        return [RunPrediction(*of_run) for of_run in zip(*columns, strict=True)]

    @property
    def whole_neighbours(self) -> Neighbours | None:
        """Neighbours that know all training runs."""
        for member in self.members:
            if len(member.predictors) == 1 and member.predictors[0].neighbours is not None:
                return member.predictors[0].neighbours
        return None

    def _neighbours(self, places: IntArray, away: FloatArray) -> tuple[Neighbour, ...]:
        """Training runs that are nearest to a run, and how far they are ``[neighbour]``."""
        return tuple(map(self.training_runs.neighbour, places.tolist(), away.tolist()))


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
