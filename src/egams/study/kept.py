"""Out-of-fold predictions of an experiment in one small file, without its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import model_validator

from egams.artifact import MANIFEST, Artifact, written_whole
from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.lock import alone_in
from egams.logistic import sigmoid
from egams.logloss import EPS
from egams.store.run_store import RunStore
from egams.study.begin import begin_study
from egams.study.folds import SAM_FOLD, WHOLE, FoldsRecord
from egams.study.records import MemberRecord, StudyManifest
from egams.study.study import HeldOut, Study, write_member

if TYPE_CHECKING:
    import pyarrow as pa

KEPT = b"egams-kept-predictions"
STEP = 1 / 32
"""Of kept logits, which half precision holds exactly."""
AGAIN = "Keep them again: egams study keep."


class KeptRecord(Artifact):
    """What kept predictions are of.

    Parameters
    ----------
    study
        What the study was made from.
    folds
        Fold of each of its runs.
    members
        How the experiment was trained without each of the folds that are finished.
    rows
        Digest of the predictions.
    """

    kind = "kept-predictions"
    format_version = 1
    again = AGAIN

    study: StudyManifest
    folds: FoldsRecord
    members: tuple[MemberRecord, ...]
    rows: str

    @model_validator(mode="after")
    def _of_one_experiment_and_its_folds(self) -> Self:
        folds = [member.fold for member in self.members]
        known = {str(fold) for fold in range(self.study.folds)} | {SAM_FOLD}
        if len(set(folds)) != len(folds) or not set(folds) <= known:
            raise ValueError(f"expected each of the folds {', '.join(sorted(known))} at most once")
        if len({member.experiment.name for member in self.members}) != 1:
            raise ValueError("expected members of one experiment")
        return self


@dataclass(frozen=True, eq=False)
class Kept:
    """Predictions of an experiment for the runs that each finished fold holds out, by fold."""

    record: KeptRecord
    held_out: Mapping[str, HeldOut]


def keep_predictions(study: Study, experiment: str, folder: Path) -> Path:
    """Write the out-of-fold predictions of an experiment, all test-time draws, without weights.

    Logits are kept in steps of 1/32: a probability is off by at most 0.016 p (1 - p), either way,
    and the mean log loss of a study in its fifth decimal.

    Parameters
    ----------
    study
        Where at least one fold of the experiment is finished.
    experiment
        Its name.
    folder
        Gets ``EXPERIMENT.parquet``: a row for each draw of each held-out run.

    Raises
    ------
    ArtifactError
        If a member is damaged, or no fold is finished.
    """
    from pyarrow import parquet

    folds = [fold for fold in study.folds_done(experiment) if fold != WHOLE]
    if not folds:
        raise ArtifactError(f"{study.folder}: no fold of '{experiment}' is finished.")
    table = _table({fold: study.held_out(experiment, fold) for fold in folds})
    records = (study.record(experiment, fold) for fold in folds)
    record = KeptRecord(
        study=study.manifest,
        folds=FoldsRecord.load(study.folds_path),
        members=tuple(each.model_copy(update={"files": {}}) for each in records),
        rows=_digest(table),
    )
    path = folder / f"{experiment}.parquet"
    with (
        written_whole(path) as temporary,
        parquet.ParquetWriter(
            temporary,
            table.schema,
            compression="zstd",
            compression_level=15,
            use_dictionary=["sample_id", "fold"],
            store_schema=False,  # it would hold the record a second time
            write_page_checksum=True,
        ) as writer,
    ):
        writer.write_table(table)
        writer.add_key_value_metadata({KEPT: json.dumps(record.content())})
    return path


def read_kept(path: Path) -> Kept:
    """Read what `keep_predictions` wrote.

    Raises
    ------
    ArtifactError
        If it is missing, damaged, or something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as opened:
            table = opened.read()
            described = opened.metadata.metadata[KEPT]
        digest = _digest(table)
    except (OSError, TypeError, ValueError, LookupError, MemoryError, pa.ArrowException) as error:
        raise ArtifactError(
            f"{path}: holds no kept predictions ({type(error).__name__}: {error}). {AGAIN}"
        ) from error
    record = KeptRecord.parse(bytes(described), path)
    if record.rows != digest:
        raise ArtifactError(f"{path}: is damaged: its rows and their digest differ. {AGAIN}")
    try:
        found = {each.fold: _held_out(table, each.fold, record) for each in record.members}
    except (TypeError, ValueError, LookupError, pa.ArrowException) as error:
        raise ArtifactError(f"{path}: {error}. {AGAIN}") from error
    return Kept(record, found)


def _table(held_out: Mapping[str, HeldOut]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(
        pa.table(_columns(fold, predicted)) for fold, predicted in held_out.items()
    )


def _columns(fold: str, predicted: HeldOut) -> dict[str, Any]:
    draws, runs, _ = predicted.probabilities.shape
    by_row = predicted.probabilities.reshape(draws * runs, len(FAMILIES)).astype(np.float64)
    scored = np.clip(by_row, EPS, 1 - EPS)
    logits = STEP * np.round((np.log(scored) - np.log1p(-scored)) / STEP)
    distance = predicted.distance
    known = np.full(runs, np.nan, np.float32) if distance is None else distance
    return {
        "sample_id": np.tile(np.array(predicted.run_ids), draws),
        "fold": np.full(draws * runs, fold),
        "draw": np.repeat(np.arange(draws, dtype=np.int16), runs),
        **dict(zip(FAMILIES, logits.T.astype(np.float16), strict=True)),
        "distance": np.tile(known.astype(np.float32), draws),
    }


def _held_out(table: pa.Table, fold: str, record: KeptRecord) -> HeldOut:
    import pyarrow.compute as pc

    of_fold, draws = table.filter(pc.equal(table["fold"], fold)), record.study.draws
    runs = len(of_fold) // draws
    run_ids = of_fold["sample_id"].to_pylist()
    held, folds = run_ids[:runs], record.folds.fold
    expected = set(held) & set(folds)  # which runs are of SAM, the labels say
    if fold != SAM_FOLD:
        expected = {run for run, number in folds.items() if str(number) == fold}
    if not held or set(held) != expected or run_ids != held * draws:
        raise ValueError(f"the rows of fold {fold} are not {draws} draws of each run it holds out")
    logits = np.stack([of_fold[family].to_numpy() for family in FAMILIES], axis=1)
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not finite")
    probabilities = sigmoid(logits.astype(np.float64)).astype(np.float32)
    distance = of_fold["distance"].to_numpy()[:runs]
    return HeldOut(
        tuple(held),
        probabilities.reshape(draws, runs, len(FAMILIES)),
        None if np.isnan(distance).any() else distance,
    )


def _digest(table: pa.Table) -> str:
    digest = hashlib.sha256(json.dumps([table.column_names, len(table)]).encode())
    for name in table.column_names:
        digest.update(json.dumps(table[name].to_pylist()).encode())
    return digest.hexdigest()


def add_kept(path: Path, folder: Path, store: RunStore) -> Study:
    """Add kept predictions to a study, as a member that is known by them alone.

    Parameters
    ----------
    path
        What `keep_predictions` wrote.
    folder
        Of a study of the same runs and folds; made where there is none.
    store
        The prepared runs of the study, for their labels and instruments.

    Raises
    ------
    ArtifactError
        If the file is damaged, is of other runs, folds or another seed, or its experiment is
        trained in the study, or is there with other settings.
    """
    kept = read_kept(path)
    record = kept.record
    labelled = {run for run, known in zip(store.ids, store.labelled.tolist(), strict=True) if known}
    _refuse_others(path, "runs", record.study.data, store.fingerprint)
    _refuse_others(path, "runs", set(record.folds.fold), labelled)
    if not (folder / MANIFEST).is_file():
        begin_study(folder, record.study, store)
    study = Study.open(folder)
    if not study.folds_path.is_file():
        record.folds.save(study.folds_path)
    there = study.manifest
    _refuse_others(path, "runs", record.study.data, there.data)
    _refuse_others(path, "test-time draws", record.study.draws, there.draws)
    _refuse_others(path, "seeds", record.study.seed, there.seed)
    with alone_in(folder):
        _refuse_others(path, "folds", record.folds.fold, FoldsRecord.load(study.folds_path).fold)
        for member in record.members:
            _refuse_trained(study, path, member)
        place = {run: at for at, run in enumerate(store.ids)}
        for member in record.members:
            write_member(
                study.member_folder(member.experiment.name, member.fold),
                None,
                member.model_copy(update={"only_predictions": True}),
                _in_order(kept.held_out[member.fold], place),
            )
    return study


def _refuse_others(path: Path, what: str, kept: object, expected: object) -> None:
    if kept != expected:
        shown = f": {kept}; expected {expected}" if isinstance(kept, str | int) else ""
        raise ArtifactError(
            f"{path}: holds predictions of other {what}{shown}. Prepare the runs that they are of, "
            "or add them to another study."
        )


def _refuse_trained(study: Study, path: Path, member: MemberRecord) -> None:
    name, fold = member.experiment.name, member.fold
    if not study.is_done(name, fold):
        return
    there = study.record(name, fold)
    if not there.only_predictions or there.experiment != member.experiment:
        how = "is trained" if not there.only_predictions else "has other settings"
        raise ArtifactError(
            f"{path}: '{name}' without fold {fold} {how} in {study.folder}. Add it to another "
            "study."
        )


def _in_order(predicted: HeldOut, place: Mapping[str, int]) -> HeldOut:
    """As a training would have put the runs: in the order of the store."""
    order = np.argsort([place[run] for run in predicted.run_ids])
    return HeldOut(
        tuple(predicted.run_ids[at] for at in order),
        predicted.probabilities[:, order],
        None if predicted.distance is None else predicted.distance[order],
    )
