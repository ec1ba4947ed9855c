"""The folder of the challenge: metadata.csv, labels, and features in folders or in zips."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from egams.errors import InputError
from egams.io.annotations import Annotations
from egams.io.blob import Blob, RefusedBlob
from egams.io.csv_source import folder_blobs, is_unsafe, run_id_of, zip_blobs

LONGEST = 255
"""Bytes of the longest name that a file may have."""


def challenge_blobs(root: Path, annotations: Annotations) -> dict[str, Blob]:
    """Return where the features of each row of the metadata lie, by run id.

    Nothing is lost on the way: a row without features, and a CSV beside the others without a row,
    are runs too: loading them raises the reason.

    Parameters
    ----------
    root
        Folder with ``train_features/`` or ``train_features.zip``, as ``features_path`` says.
    annotations
        The metadata.

    Raises
    ------
    InputError
        If a zip is damaged, or no row at all has features here.
    """
    name = annotations.metadata_name
    records = annotations.records
    paths = {run: record.features_path or f"{run}.csv" for run, record in records.items()}
    folders = sorted({str(PurePosixPath(p).parent) for p in paths.values() if not is_unsafe(p)})
    found: dict[str, Blob] = {}
    for folder in folders:
        found |= _blobs_in(root, folder)
    blobs: dict[str, Blob] = {}
    for run_id, path in paths.items():
        row = records[run_id].row
        if is_unsafe(path):
            problem = f"features_path '{path}' leads out of the folder"
            blobs[run_id] = RefusedBlob(name, problem, row)
        else:
            missing = RefusedBlob(
                name, f"the features of run '{run_id}' ({path}) are not here", row
            )
            blobs[run_id] = found.get(path, found.get(f"{path}.gz", missing))
    used = {blob.name for blob in blobs.values()}
    left = {path: blob for path, blob in found.items() if blob.name not in used}
    if len(left) == len(found):
        raise _nothing_here(root, annotations)
    for path, blob in left.items():
        run_id = run_id_of(path)
        refused = RefusedBlob(blob.name, f"there is no row for it in {name}")
        blobs[path if run_id in blobs else run_id] = refused
    return blobs


def _blobs_in(root: Path, folder: str) -> dict[str, Blob]:
    """Return the CSVs of ``folder/`` and ``folder.zip`` by the path the metadata gives them."""
    found: dict[str, Blob] = {}
    if any(len(part.encode()) > LONGEST for part in PurePosixPath(f"{folder}.zip").parts):
        return found  # no file has such a name: its features are not here
    archive = root / f"{folder}.zip"
    if folder != "." and archive.is_file():
        for member, blob in zip_blobs(archive).items():
            path = PurePosixPath(member)
            inside = path.name if path.parent.name in ("", archive.stem) else member
            found[str(PurePosixPath(folder) / inside)] = blob
    if (root / folder).is_dir():
        for file, blob in folder_blobs(root / folder).items():
            found[str(PurePosixPath(folder) / file)] = blob
    return found


def _nothing_here(root: Path, annotations: Annotations) -> InputError:
    tables = sorted(path.name for path in root.glob("*.parquet"))
    return InputError(
        f"none of the {len(annotations.records)} runs of {annotations.metadata_name} is here",
        file=root,
        expected="the folders or zips of its features_path, such as train_features.zip",
        hint=f"To read a Parquet file, name it: {', '.join(tables)}." if tables else None,
    )
