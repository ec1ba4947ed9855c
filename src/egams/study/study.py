"""A study on disk: experiments, folds, trained members and out-of-fold predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from egams.artifact import MANIFEST, header, read_manifest, refuse_other, write_json, written_whole
from egams.errors import ArtifactError
from egams.experiments.experiment import Experiment, explain
from egams.families import FAMILIES
from egams.models.predictor import Predictor
from egams.models.registry import load_predictor
from egams.study.epochs import EPOCHS, Epoch, read_epochs, write_epochs

KIND = "study"
FORMAT_VERSION = 1
MEMBER = "member.json"
TRUTH = "truth.json"
CONTEXTS = "contexts.safetensors"
AGAIN = "Remove the folder it is in and cross-validate again."


@dataclass(frozen=True)
class Truth:
    """What is known of a run: its instrument, and its labels ``[family]``."""

    instrument: str
    labels: list[int]


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
    """

    run_ids: tuple[str, ...]
    fold: tuple[str, ...]
    probabilities: NDArray[np.float32]


class Study:
    """Where the parts of a study are.

    ``manifest.json``; ``folds.json``; ``truth.json``; ``contexts.safetensors``; for each
    experiment and fold a folder ``EXPERIMENT/fold-NAME`` with ``member.json``, the weights, and
    ``held-out.parquet``, and of networks ``epochs.csv``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, description: dict[str, Any]) -> Study:
        """Begin a study, or go on with one of the same data, folds and seed.

        Raises
        ------
        ArtifactError
            If the folder holds a study of something else.
        """
        study = cls(folder)
        if (folder / MANIFEST).is_file():
            refuse_other(folder, KIND, study.manifest, description)
            return study
        write_json(folder / MANIFEST, header(KIND, FORMAT_VERSION) | description)
        return study

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """Open a study.

        Raises
        ------
        ArtifactError
            If there is none.
        """
        study = cls(Path(folder))
        _ = study.manifest
        return study

    @property
    def manifest(self) -> dict[str, Any]:
        """What the study was made from."""
        return read_manifest(self.folder, KIND, FORMAT_VERSION)

    def keep_truth(self, truth: dict[str, Truth]) -> None:
        """Keep instrument and labels of the runs of the study, so that it can be scored alone."""
        write_json(self.folder / TRUTH, {run: asdict(entry) for run, entry in truth.items()})

    def truth(self) -> dict[str, Truth]:
        """Instrument and labels of each run, by run id."""
        content = _read_json(self.folder / TRUTH)
        return {run: Truth(**entry) for run, entry in content.items()}

    def keep_contexts(self, run_ids: tuple[str, ...], contexts: NDArray[np.float32]) -> None:
        """Keep the contexts of the runs ``[run, feature]``, in the order they are trained on."""
        from safetensors.numpy import save_file

        with written_whole(self.folder / CONTEXTS) as temporary:
            save_file({"context": contexts}, temporary, {"run_ids": json.dumps(run_ids)})

    def contexts(self) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Run ids ``[run]`` and contexts ``[run, feature]``, in the order runs are trained on.

        Raises
        ------
        ArtifactError
            If they are not there (a study of an older egams), or damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self.folder / CONTEXTS
        try:
            with safe_open(path, "numpy") as content:
                run_ids = tuple(json.loads(content.metadata()["run_ids"]))
                return run_ids, content.get_tensor("context")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{path}: cannot be read ({type(error).__name__}). Cross-validate again into the "
                "same folder: what is trained is kept."
            ) from error

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

    def is_done(self, experiment: str, fold: str) -> bool:
        """Whether an experiment is trained without one fold."""
        return (self.member_folder(experiment, fold) / MEMBER).is_file()

    def experiments(self) -> dict[str, Experiment]:
        """Experiments with at least one finished fold, by name."""
        found = {}
        for path in sorted(self.folder.glob(f"*/fold-*/{MEMBER}")):
            experiment = self.experiment_of(path.parent)
            found[experiment.name] = experiment
        return found

    def begun(self) -> list[str]:
        """Names of all experiments that were begun, finished folds or none, sorted."""
        return sorted({path.parent.name for path in self.folder.glob("*/fold-*")})

    def experiment_of(self, folder: Path) -> Experiment:
        """Read which experiment a finished member is of.

        Raises
        ------
        ArtifactError
            If it is damaged, or this egams knows no such experiment.
        """
        record = read_member(folder)
        try:
            return Experiment.model_validate(record["experiment"])
        except ValidationError as error:
            raise ArtifactError(
                f"{folder}: of an experiment this egams does not know, made by egams "
                f"{record.get('egams_version')}: {explain(error)}"
            ) from error

    def folds_done(self, experiment: str) -> list[str]:
        """Names of the finished folds of an experiment, sorted."""
        paths = (self.folder / experiment).glob(f"fold-*/{MEMBER}")
        return sorted(path.parent.name.removeprefix("fold-") for path in paths)

    def predictor(self, experiment: Experiment, fold: str) -> Predictor:
        """Load a trained member."""
        folder = self.member_folder(experiment.name, fold)
        return load_predictor({file.name: file for file in folder.iterdir()}, experiment.model)

    def epochs(self, experiment: str, fold: str) -> list[Epoch]:
        """Read the log of a finished training; empty for what is no network.

        Raises
        ------
        ArtifactError
            If it is damaged.
        """
        return read_epochs(self.member_folder(experiment, fold) / EPOCHS)

    def out_of_fold(self, experiment: str, folds: list[str]) -> OutOfFold:
        """Gather held-out predictions of some folds.

        Raises
        ------
        ArtifactError
            If a fold is not finished.
        """
        parts = [read_held_out(self.member_folder(experiment, fold)) for fold in folds]
        return OutOfFold(
            run_ids=tuple(run for ids, _ in parts for run in ids),
            fold=tuple(fold for fold, (ids, _) in zip(folds, parts, strict=True) for _run in ids),
            probabilities=np.concatenate([values for _, values in parts], axis=1),
        )


def write_member(
    folder: Path,
    predictor: Predictor,
    record: dict[str, Any],
    run_ids: tuple[str, ...],
    probabilities: NDArray[np.float32],
    epochs: Sequence[Epoch] = (),
) -> None:
    """Write a trained member and its held-out predictions, whole or not at all.

    Parameters
    ----------
    record
        Experiment, fold, seed, training time.
    probabilities
        ``[draw, run, family]`` of the runs in `run_ids`.
    epochs
        Of a network's training.
    """
    with written_whole(folder) as temporary:
        temporary.mkdir()
        predictor.save(temporary)
        _write_held_out(temporary, run_ids, probabilities)
        if epochs:
            write_epochs(temporary / EPOCHS, epochs)
        write_json(temporary / MEMBER, header("member", FORMAT_VERSION) | record)


def read_member(folder: Path) -> dict[str, Any]:
    """Read the record of a trained member.

    Raises
    ------
    ArtifactError
        If it is damaged.
    """
    record = _read_json(folder / MEMBER)
    if "experiment" not in record:
        raise ArtifactError(f"{folder / MEMBER}: names no experiment. {AGAIN}")
    return record


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: not readable as JSON ({error}). {AGAIN}") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path}: holds a {type(content).__name__}, not an object. {AGAIN}")
    return content


def _write_held_out(
    folder: Path, run_ids: tuple[str, ...], probabilities: NDArray[np.float32]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    draws, runs, _ = probabilities.shape
    columns: dict[str, Any] = {
        "sample_id": np.tile(np.array(run_ids), draws),
        "draw": np.repeat(np.arange(draws, dtype=np.int32), runs),
    }
    rows = probabilities.reshape(draws * runs, len(FAMILIES))
    columns |= {family: rows[:, number] for number, family in enumerate(FAMILIES)}
    pq.write_table(pa.table(columns), folder / "held-out.parquet")


def read_held_out(folder: Path) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Read held-out predictions: run ids and probabilities ``[draw, run, family]``.

    Raises
    ------
    ArtifactError
        If they are not there, or damaged.
    """
    import pyarrow.parquet as pq

    path = folder / "held-out.parquet"
    if not path.is_file():
        raise ArtifactError(f"{path}: not there; this fold is not finished. Cross-validate again.")
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: not readable as Parquet ({error}). {AGAIN}") from error
    draws = int(table["draw"].to_numpy().max()) + 1
    run_ids = table["sample_id"].to_pylist()
    values = np.stack([table[family].to_numpy() for family in FAMILIES], axis=1)
    runs = len(run_ids) // draws
    return tuple(run_ids[:runs]), values.reshape(draws, runs, len(FAMILIES))
