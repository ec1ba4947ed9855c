"""`load_bundle(path).predict(runs)`: from runs of any source to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from egams.artifact import read_manifest
from egams.ensemble.average import mean_probability
from egams.ensemble.bundle import FORMAT_VERSION, KIND, file_hashes, member_files
from egams.ensemble.clip import clip_probabilities, run_clips
from egams.errors import ArtifactError, InputError
from egams.families import FAMILIES
from egams.io import RunReader, RunSource
from egams.models.predictor import (
    Predictor,
    Shared,
    gather_evidence,
    load_predictor,
    predict_draws,
)
from egams.run import Run
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare_in_parts
from egams.store.run_store import RunStore
from egams.training.experiment import Experiment, explain

RUNS_IN_PART = 256
DRAW_SEED = 0


@dataclass(frozen=True)
class Predictions:
    """What a bundle says of runs.

    Parameters
    ----------
    run_ids
        ``[run]``.
    instruments
        As given or told from the data ``[run]``.
    probabilities
        ``[run, family]``.
    spread
        Standard deviation between the experiments of the ensemble ``[run, family]``.
    notes
        What the reader said of each run ``[run]``.
    skipped
        Runs that could not be used: ``run_id`` and ``reason``.
    """

    run_ids: tuple[str, ...]
    instruments: tuple[str, ...]
    probabilities: NDArray[np.float64]
    spread: NDArray[np.float64]
    notes: tuple[tuple[str, ...], ...]
    skipped: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Member:
    """An experiment and its trained models, one a fold."""

    experiment: Experiment
    predictors: tuple[Predictor, ...]


class Bundle:
    """An ensemble that predicts.

    Parameters
    ----------
    manifest
        What the bundle says of itself: scores, clips, data fingerprint.
    members
        Averaged with equal weight.
    """

    def __init__(self, manifest: dict[str, Any], members: tuple[Member, ...]) -> None:
        self.manifest = manifest
        self.members = members

    def predict(
        self,
        runs: str | Path | RunSource | RunReader | Run | Iterable[Run] | RunStore,
        *,
        draws: int | None = None,
        seed: int = DRAW_SEED,
        jobs: int | None = 1,
        strict: bool = False,
        device: torch.device | str = "cpu",
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Predict runs: mean over members, folds and draws, then the instrument's clip.

        Parameters
        ----------
        runs
            A path, a source or reader, runs in memory, or a store.
        draws
            Test-time draws; None takes as many as the members were scored with.
        seed
            Of the draws. Those of a run do not depend on the runs beside it.
        jobs
            Processes that prepare runs; None takes one for each core.
        strict
            Raise at the first run that cannot be used, instead of listing it in `skipped`.

        Raises
        ------
        InputError
            If no run can be used, or one cannot and `strict` is set.
        """
        draws = self.manifest["draws"] if draws is None else draws
        for member in self.members:
            for predictor in member.predictors:
                predictor.to(device)
        skipped: list[dict[str, str]] = []
        parts = []
        for part in _parts(runs, jobs, strict, progress):
            skipped += part.skipped
            if len(part):
                resident = ResidentRuns.load(part, device)
                parts.append((part, self._members_mean(resident, draws, seed)))
        if not parts:
            reason = f": {skipped[0]['reason'].rstrip('.')}" if skipped else ""
            raise InputError(f"none of {len(skipped)} runs can be used{reason}")
        members = np.concatenate([values for _, values in parts], axis=1)
        instruments = np.concatenate([part.instruments for part, _ in parts])
        clip = run_clips(instruments, self.manifest["clips"])
        return Predictions(
            run_ids=tuple(run for part, _ in parts for run in part.ids),
            instruments=tuple(instruments.tolist()),
            probabilities=clip_probabilities(mean_probability(members), clip),
            spread=members.std(0),
            notes=tuple(notes for part, _ in parts for notes in part.notes),
            skipped=tuple(skipped),
        )

    def _members_mean(self, runs: ResidentRuns, draws: int, seed: int) -> NDArray[np.float64]:
        """Mean over folds and draws of each member ``[member, run, family]``."""
        positions = torch.arange(len(runs), device=runs.device)
        everyone = [predictor for member in self.members for predictor in member.predictors]
        evidence = gather_evidence(everyone, runs, positions)
        means = [
            predict_draws(
                member.predictors,
                runs,
                positions,
                member.experiment.spectrogram,
                draws,
                (seed, number),
                evidence=evidence,
            ).mean((0, 1), dtype=np.float64)
            for number, member in enumerate(self.members)
        ]
        return np.stack(means)


def _parts(
    runs: str | Path | RunSource | RunReader | Run | Iterable[Run] | RunStore,
    jobs: int | None,
    strict: bool,
    progress: Callable[[int, int], None] | None,
) -> Iterator[RunStore]:
    if isinstance(runs, RunStore):
        return iter([runs])
    return prepare_in_parts(runs, RUNS_IN_PART, jobs=jobs, strict=strict, progress=progress)


def _refuse_damaged(folder: Path, expected: dict[str, str]) -> None:
    # Weights with a flipped bit load as well as any, and predict nonsense.
    found = file_hashes(folder)
    for name, digest in expected.items():
        if found.get(name) != digest:
            state = "is damaged" if name in found else "is missing"
            raise ArtifactError(f"{folder / name}: {state}. Copy or make the bundle again.")


def load_bundle(path: str | Path) -> Bundle:
    """Load a bundle; nothing in it is executed.

    Raises
    ------
    ArtifactError
        If it is no bundle, incomplete, of another format, or of other families.
    """
    folder = Path(path)
    manifest = read_manifest(folder, KIND, FORMAT_VERSION)
    incomplete = {"families", "members", "clips", "draws", "files", "same_as"} - manifest.keys()
    if incomplete:
        raise ArtifactError(
            f"{folder}: the manifest lacks '{min(incomplete)}'. Copy or make the bundle again."
        )
    if tuple(manifest["families"]) != FAMILIES:
        raise ArtifactError(
            f"{folder}: predicts other families ({', '.join(manifest['families'])}); this egams "
            f"knows {', '.join(FAMILIES)}. Install egams {manifest['egams_version']} to use it."
        )
    _refuse_damaged(folder, manifest["files"])
    members = []
    shared: Shared = {}
    for entry in manifest["members"]:
        try:
            experiment = Experiment.model_validate(entry["experiment"])
        except ValidationError as error:
            raise ArtifactError(
                f"{folder}: an experiment this egams does not know, made by egams "
                f"{manifest['egams_version']}: {explain(error)} Install that version."
            ) from error
        predictors = tuple(
            load_predictor(
                member_files(folder, manifest, experiment.name, fold), experiment.model, shared
            )
            for fold in entry["folds"]
        )
        members.append(Member(experiment, predictors))
    return Bundle(manifest, tuple(members))
