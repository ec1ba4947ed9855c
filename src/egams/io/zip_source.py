"""Zip archives of CSVs, as the challenge ships them."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from egams.errors import InputError
from egams.io.blob import Blob, RefusedBlob, ZipBlob, input_errors
from egams.io.csv_source import is_run_name

_ENCRYPTED = 1


def zip_blobs(archive: Path) -> dict[str, Blob]:
    """Return the CSVs of an archive by member name, in the order of the archive.

    Members with an absolute path or ``..`` are listed, but refused when read.

    Raises
    ------
    InputError
        If it is no zip archive or cut off, or two members have the same name.
    """
    try:
        with input_errors(str(archive)), zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(
            f"is not a whole zip archive: it is cut off or damaged ({error})",
            file=archive,
            hint="Copy or download it again.",
        ) from error
    blobs: dict[str, Blob] = {}
    for info in members:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or not is_run_name(path.name) or "__MACOSX" in path.parts:
            continue
        if info.filename in blobs:
            raise InputError(f"two members '{info.filename}'", file=archive, expected="one of each")
        blobs[info.filename] = _blob(archive, info)
    return blobs


def is_unsafe(path: str) -> bool:
    """Whether a path is absolute or leads out of the folder it should stay in."""
    posix = PurePosixPath(path.replace("\\", "/"))
    return posix.is_absolute() or ".." in posix.parts or bool(PureWindowsPath(path).drive)


def _blob(archive: Path, info: zipfile.ZipInfo) -> Blob:
    name = f"{archive}/{info.filename}"
    if is_unsafe(info.filename):
        return RefusedBlob(name, "the member's path is absolute or leads out of the archive")
    if info.flag_bits & _ENCRYPTED:
        return RefusedBlob(name, "the member is encrypted", hint="Pack it without a password.")
    if name.lower().endswith(".gz"):
        return RefusedBlob(name, "the member is packed twice", hint="Put the CSV itself in.")
    return ZipBlob(
        archive=archive,
        member=info.filename,
        offset=info.header_offset,
        method=info.compress_type,
        packed_size=info.compress_size,
        size=info.file_size,
        crc=info.CRC,
    )
