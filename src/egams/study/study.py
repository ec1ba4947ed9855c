"""A study on disk: experiments, folds, trained members and out-of-fold predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egams.artifact import file_digests, refuse_damaged, written_whole
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment
from egams.families import FAMILIES
from egams.models.predictor import Predictor
from egams.models.registry import load_predictor
from egams.study.epochs import EPOCHS, Epoch, read_epochs, write_epochs
from egams.study.records import (
    MEMBER,
    MemberRecord,
    StudyManifest,
    Truth,
    TruthRecord,
    read_member,
)

if TYPE_CHECKING:
    import pyarrow as pa

CONTEXTS = "contexts.safetensors"
HELD_OUT = "held-out.parquet"
LACKING = "held-out-lacking.parquet"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a member predicts of the runs that it was trained without.

    Parameters
    ----------
    run_ids
        ``[run]``.
    probabilities
        ``[draw, run, family]``.
    distance
        From the nearest training run ``[run]``; None where the member knows none.
    """

    run_ids: tuple[str, ...]
    probabilities: NDArray[np.float32]
    distance: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of held-out runs.

    Parameters
    ----------
    run_ids
        ``[run]``.
    fold
        Name of the fold that held each run out ``[run]``.
    probabilities
        ``[draw, run, family]``.
    distance
        From the nearest training run ``[run]``; None where the member knows none.
    """

    run_ids: tuple[str, ...]
    fold: tuple[str, ...]
    probabilities: NDArray[np.float32]
    distance: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Study:
    """Where the parts of a study are.

    ``manifest.json``; ``folds.json``; ``truth.json``; ``contexts.safetensors``; for each
    experiment and fold a folder ``EXPERIMENT/fold-NAME`` with ``member.json``, the weights, and
    ``held-out.parquet``, perhaps ``held-out-lacking.parquet`` (versions of the same runs that lack
    data), and of networks ``epochs.csv``; for each fold ``fold-NAME.neighbours``,
    the fit of the neighbours that all experiments with evidence share.

    What reads any of them raises `ArtifactError` where it is missing, damaged, or of another egams.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path, manifest: StudyManifest) -> Study:
        """Begin a study, or go on with one of the same data, folds and seed.

        Raises
        ------
        ArtifactError
            If the folder holds a study of something else.
        """
        manifest.claim(folder)
        return cls(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """Open a study."""
        study = cls(Path(folder))
        _ = study.manifest
        return study

    @property
    def manifest(self) -> StudyManifest:
        """What the study was made from."""
        return StudyManifest.load(self.folder)

    def keep_truth(self, truth: Mapping[str, Truth]) -> None:
        """Keep instrument and labels of the runs of the study, so that it can be scored alone."""
        TruthRecord(runs=truth).save(self.folder)

    def truth(self) -> Mapping[str, Truth]:
        """Instrument and labels of each run, by run id."""
        return TruthRecord.load(self.folder).runs

    def keep_contexts(self, run_ids: tuple[str, ...], contexts: NDArray[np.float32]) -> None:
        """Keep the contexts of the runs ``[run, feature]``, in the order they are trained on."""
        from safetensors.numpy import save_file

        # One entry: the order of several is another in every process.
        described = {"run_ids": run_ids, "sha256": _digest(run_ids, contexts)}
        with written_whole(self.folder / CONTEXTS) as temporary:
            save_file({"context": contexts}, temporary, {"runs": json.dumps(described)})

    def contexts(self) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Run ids ``[run]`` and contexts ``[run, feature]``, in the order runs are trained on."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / CONTEXTS
        try:
            with safe_open(path, "numpy") as content:
                described = json.loads(content.metadata()["runs"])
                run_ids = tuple(described["run_ids"])
                contexts = content.get_tensor("context")
            if described["sha256"] != _digest(run_ids, contexts):
                raise ValueError("content and digest differ")
        except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{path}: is damaged ({type(error).__name__}: {error}). {TruthRecord.again}"
            ) from error
        return run_ids, contexts

    @property
    def folds_path(self) -> Path:
        """File that keeps the folds."""
        return self.folder / "folds.json"

    def member_folder(self, experiment: str, fold: str) -> Path:
        """Folder of an experiment trained without one fold."""
        return self.folder / experiment / f"fold-{fold}"

    def checkpoint(self, experiment: str, fold: str) -> Path:
        """File of an unfinished training."""
        return self.folder / experiment / f"fold-{fold}.checkpoint"

    def progress_file(self, experiment: str, fold: str) -> Path:
        """File that says how far an unfinished training is: see `egams.study.progress`."""
        return self.folder / experiment / f"fold-{fold}.progress.json"

    def fit_folder(self, fold: str) -> Path:
        """Folder of the neighbours fitted without one fold, for all experiments."""
        return self.folder / f"fold-{fold}.neighbours"

    def is_done(self, experiment: str, fold: str) -> bool:
        """Whether an experiment is trained without one fold."""
        return (self.member_folder(experiment, fold) / MEMBER).is_file()

    def experiments(self) -> dict[str, Experiment]:
        """Experiments with at least one finished fold, by name."""
        folders = sorted(path.parent for path in self.folder.glob(f"*/fold-*/{MEMBER}"))
        found = [read_member(folder).experiment for folder in folders]
        return {experiment.name: experiment for experiment in found}

    def begun(self) -> list[str]:
        """Names of all experiments that were begun, finished folds or none, sorted."""
        return sorted({path.parent.name for path in self.folder.glob("*/fold-*")})

    def record(self, experiment: str, fold: str) -> MemberRecord:
        """Read how a finished member was trained."""
        return read_member(self.member_folder(experiment, fold))

    def folds_done(self, experiment: str) -> list[str]:
        """Names of the finished folds of an experiment, sorted."""
        paths = (self.folder / experiment).glob(f"fold-*/{MEMBER}")
        return sorted(path.parent.name.removeprefix("fold-") for path in paths)

    def predictor(self, experiment: Experiment, fold: str) -> Predictor:
        """Load a trained member."""
        return load_predictor(self.member_files(experiment.name, fold), experiment.model)

    def member_files(self, experiment: str, fold: str) -> dict[str, Path]:
        """Files of a trained member by name, those of the model, checked against their digests."""
        record = self.record(experiment, fold)
        if record.only_predictions:
            raise ArtifactError(
                f"{self.member_folder(experiment, fold)}: is known by its predictions alone. Train "
                "it in a study of its own (egams cross-validate) to predict with it."
            )
        return self._undamaged(experiment, fold, lambda name: name not in (HELD_OUT, LACKING))

    def only_predicted(self, experiment: str) -> bool:
        """Whether a finished fold of an experiment is known by its predictions alone."""
        return any(
            self.record(experiment, fold).only_predictions for fold in self.folds_done(experiment)
        )

    def epochs(self, experiment: str, fold: str) -> list[Epoch]:
        """Read the log of a finished training; empty for what is no network."""
        self._undamaged(experiment, fold, lambda name: name == EPOCHS)
        return read_epochs(self.member_folder(experiment, fold) / EPOCHS)

    def _undamaged(
        self, experiment: str, fold: str, wanted: Callable[[str], bool]
    ) -> dict[str, Path]:
        folder, record = self.member_folder(experiment, fold), self.record(experiment, fold)
        digests = {name: digest for name, digest in record.files.items() if wanted(name)}
        refuse_damaged(folder, digests, record.again)
        return {name: folder / name for name in digests}

    def predicted_lacking(self, experiment: str, fold: str) -> bool:
        """Whether a finished member predicted versions of runs that lack data."""
        return LACKING in self.record(experiment, fold).files

    def held_out(self, experiment: str, fold: str, *, lacking: bool = False) -> HeldOut:
        """Predictions of the runs that a fold holds out, or of versions that are `lacking` data."""
        file = LACKING if lacking else HELD_OUT
        return _read_held_out(self.member_folder(experiment, fold), file)

    def out_of_fold(self, experiment: str, folds: list[str], *, lacking: bool = False) -> OutOfFold:
        """Gather held-out predictions of some folds, which must be finished.

        Of the runs, or of versions that are `lacking` data: several of a run.
        """
        parts = [self.held_out(experiment, fold, lacking=lacking) for fold in folds]
        distances = [part.distance for part in parts if part.distance is not None]
        return OutOfFold(
            run_ids=tuple(run for part in parts for run in part.run_ids),
            fold=tuple(fold for fold, part in zip(folds, parts, strict=True) for _ in part.run_ids),
            probabilities=np.concatenate([part.probabilities for part in parts], axis=1),
            distance=None if len(distances) < len(parts) else np.concatenate(distances),
        )


def write_member(
    folder: Path,
    predictor: Predictor | None,
    record: MemberRecord,
    held_out: HeldOut,
    lacking: HeldOut | None = None,
    epochs: Sequence[Epoch] = (),
) -> None:
    """Write a trained member and its held-out predictions, whole or not at all.

    Parameters
    ----------
    predictor
        None where it is known by its predictions alone.
    record
        How it was trained; digests of the files are added.
    held_out
        Predictions of the runs that the fold holds out.
    lacking
        Of versions of them that lack data.
    epochs
        Of a network's training.
    """
    with written_whole(folder) as temporary:
        temporary.mkdir()
        if predictor is not None:
            predictor.save(temporary)
        write_held_out(temporary / HELD_OUT, held_out)
        if lacking is not None:
            write_held_out(temporary / LACKING, lacking)
        if epochs:
            write_epochs(temporary / EPOCHS, epochs)
        files = file_digests(temporary, temporary.iterdir())
        record.model_copy(update={"files": files}).save(temporary)


def write_held_out(file: Path, held_out: HeldOut) -> None:
    """Write predictions of held-out runs: a row for each draw of each run."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draws, runs, _ = held_out.probabilities.shape
    by_row = held_out.probabilities.reshape(draws * runs, len(FAMILIES))
    columns = {
        "sample_id": np.tile(np.array(held_out.run_ids), draws),
        "draw": np.repeat(np.arange(draws, dtype=np.int32), runs),
        **dict(zip(FAMILIES, by_row.T, strict=True)),
    }
    if held_out.distance is not None:
        columns["distance"] = np.tile(held_out.distance, draws)
    pq.write_table(pa.table(columns), file, write_page_checksum=True)


def _read_held_out(folder: Path, file: str) -> HeldOut:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (folder / MEMBER).is_file():
        raise ArtifactError(f"{folder}: this fold is not finished. Cross-validate again.")
    record = read_member(folder)
    refuse_damaged(folder, {file: record.files.get(file, "")}, record.again)
    try:
        with pq.ParquetFile(folder / file, page_checksum_verification=True) as opened:
            return _held_out_of(opened.read(use_threads=False))  # few rows: threads would wait
    except (OSError, ValueError, LookupError, ArithmeticError, pa.ArrowException) as error:
        raise ArtifactError(
            f"{folder / file}: holds no held-out predictions ({error}). {record.again}"
        ) from error


def _held_out_of(table: pa.Table) -> HeldOut:
    draws = int(table["draw"].to_numpy().max()) + 1
    run_ids = table["sample_id"].to_pylist()
    values = np.stack([table[family].to_numpy() for family in FAMILIES], axis=1)
    runs = len(run_ids) // draws
    distance = table["distance"].to_numpy()[:runs] if "distance" in table.schema.names else None
    return HeldOut(tuple(run_ids[:runs]), values.reshape(draws, runs, len(FAMILIES)), distance)


def _digest(run_ids: tuple[str, ...], contexts: NDArray[np.float32]) -> str:
    described = json.dumps([run_ids, str(contexts.dtype), contexts.shape]).encode()
    return hashlib.sha256(described + np.ascontiguousarray(contexts).tobytes()).hexdigest()
