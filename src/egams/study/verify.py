"""`verify`: whether every byte of what egams wrote is still as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from egams.artifact import DIGEST, MANIFEST, refuse_damaged, sealed
from egams.ensemble.bundle import load_bundle
from egams.ensemble.bundle_files import BundleManifest
from egams.ensemble.shard_records import ShardsManifest
from egams.ensemble.shards import read_shards
from egams.errors import ArtifactError
from egams.store.manifest import StoreManifest
from egams.store.run_store import RunStore
from egams.study.folds import FoldsRecord
from egams.study.kept import KEPT, KeptRecord, read_kept
from egams.study.records import MEMBER, StudyManifest, checkpoint_payload
from egams.study.study import CONTEXTS, Study

CHECKPOINT, PARQUET, JSON = ".checkpoint", ".parquet", ".json"
AGAIN = "Copy or make it again."


def verify(path: str | Path) -> str:
    """Read all of an artifact and compare it with its digests and checksums.

    Parameters
    ----------
    path
        A bundle, a store, a study, a folder of predictions, a member, a checkpoint, a JSON file of
        egams, or a Parquet file, whose pages are compared where they have checksums.

    Returns
    -------
    str
        What it is.

    Raises
    ------
    ArtifactError
        If a byte has changed, a file is missing, or it is none of these.
    """
    place = Path(path)
    if place.is_dir():
        for name in (MANIFEST, MEMBER):
            if (place / name).is_file():
                content = _sealed(place / name)
                kind = str(content.get("kind"))
                _FOLDERS.get(kind, _refuse_damaged_files)(place)
                return kind
    elif place.is_file() and place.suffix in _FILES:
        return _FILES[place.suffix](place)
    raise ArtifactError(
        f"{place}: is nothing that egams can verify; expected a bundle, store, study, checkpoint, "
        "folder of predictions or Parquet file."
    )


def _store(folder: Path) -> None:
    store = RunStore.open(folder)
    store.refuse_damaged()
    store.refuse_other_fingerprint()


def _predictions(folder: Path) -> None:
    for _ in read_shards(folder):
        pass


def _study(folder: Path) -> None:
    study = Study.open(folder)
    study.truth()
    FoldsRecord.load(study.folds_path)
    if (folder / CONTEXTS).exists():
        study.contexts()
    for name in study.begun():
        for fold in study.folds_done(name):
            _refuse_damaged_files(study.member_folder(name, fold))
    for manifest in sorted(folder.glob(f"fold-*/{MANIFEST}")):
        _refuse_damaged_files(manifest.parent)
    for file in sorted(folder.glob(f"*/*{CHECKPOINT}")):
        checkpoint_payload(file)


def _refuse_damaged_files(folder: Path) -> None:
    name = MANIFEST if (folder / MANIFEST).is_file() else MEMBER
    files = _sealed(folder / name).get("files", {})
    if not isinstance(files, dict):
        raise ArtifactError(f"{folder / name}: names no files. {AGAIN}")
    refuse_damaged(folder, files, AGAIN)


def _sealed(path: Path) -> Mapping[str, object]:
    """Read JSON that holds a digest of itself."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not readable as JSON ({error}). {AGAIN}") from error
    if not isinstance(content, dict) or DIGEST not in content:
        raise ArtifactError(f"{path}: holds no digest of itself: egams wrote no such file.")
    if sealed(content) != content:
        raise ArtifactError(f"{path}: is damaged: its content and digest differ. {AGAIN}")
    return content


def _json(path: Path) -> str:
    return str(_sealed(path).get("kind"))


def _checkpoint(path: Path) -> str:
    checkpoint_payload(path)
    return "checkpoint"


def _parquet(path: Path) -> str:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches():
                pass
            described = file.metadata.metadata or {}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ArtifactError(f"{path}: is damaged ({error}). {AGAIN}") from error
    if KEPT in described:
        read_kept(path)
        return KeptRecord.kind
    return "Parquet file"


_FOLDERS: dict[str, Callable[[Path], object]] = {
    BundleManifest.kind: load_bundle,
    StoreManifest.kind: _store,
    StudyManifest.kind: _study,
    ShardsManifest.kind: _predictions,
}
_FILES: dict[str, Callable[[Path], str]] = {
    CHECKPOINT: _checkpoint,
    PARQUET: _parquet,
    JSON: _json,
}
