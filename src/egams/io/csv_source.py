"""`CsvSource`: runs that are a file each; and how to find them in a folder or a zip archive."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath, PureWindowsPath

from egams.errors import InputError
from egams.io.blob import Blob, FileBlob, RefusedBlob, ZipBlob, input_errors, refuse_no_file
from egams.io.foreign import Reading
from egams.io.readers import own_suffixes
from egams.io.sheets import SheetBlob, sheet_of
from egams.io.source import IndexedSource
from egams.io.tables.hints import FILE as MAPPING
from egams.io.tables.recording import Recording
from egams.io.zip_names import members_of
from egams.plain import plain_text
from egams.run import Run

METADATA = "metadata.csv"
LABELS = ("*labels*.csv", "*labels*.xlsx")
SUFFIXES = (".csv", ".tsv", ".txt", ".asc", ".dat", ".tab", ".xlsx", ".cdf", ".mzml")
"""Of files that may be runs, each packed with gzip or not."""
_NO_DATA = ("readme*", "license*", ".*", "~$*")  # the last: of a workbook that is open in Excel
_ABOUT_RUNS = (METADATA, *LABELS, "submission*.csv", "*.lbl", MAPPING, *_NO_DATA)
_ENCRYPTED = 1
NO_TEXT = "the name holds control characters or is no UTF-8"


@dataclass(frozen=True)
class CsvSource(IndexedSource[Blob]):
    """Runs that are one file each: the challenge's long CSV, or a table in another dialect.

    Parameters
    ----------
    verify
        Compare the md5 sum of each CSV with the one in the metadata.
    reading
        What the user stated about files of other layouts than the challenge's.
    """

    verify: bool = False
    reading: Reading = field(default_factory=Reading)

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If the run is unknown, has no file or a bad one, or another md5 sum.
        """
        recording = self.recording(run_id)
        run = self.make_run(run_id, recording.table())
        if recording.time is None:
            run = replace(run, time=None)
        notes = recording.account.notes
        return replace(run, notes=(*notes, *run.notes)) if notes else run

    def recording(self, run_id: str) -> Recording:
        """Return what the file of a run recorded, and how it was read.

        Parameters
        ----------
        run_id
            Name of the run.

        Raises
        ------
        InputError
            If the run is unknown, has no file or a bad one, or another md5 sum.
        """
        blob = self.find(run_id)
        data = blob.read()
        if self.verify:
            self._check_md5(run_id, data, blob.name)
        path = blob.path if isinstance(blob, FileBlob) else None
        recording = self.reading.recording(data, blob.name, path, sheet_of(blob))
        if isinstance(blob, SheetBlob) and blob.note:
            return replace(recording, account=recording.account.noted(blob.note))
        return recording

    def fingerprint(self, run_id: str) -> str:
        """Return a string that changes with the CSV, the labels or the instrument."""
        parts = (self.find(run_id).fingerprint(), self.annotations.fingerprint(run_id))
        return "-".join((*parts, *self.reading.fingerprint()))

    def _check_md5(self, run_id: str, data: bytes, file: str) -> None:
        record = self.annotations.records.get(run_id)
        if record is None or not record.md5:
            raise InputError(
                f"no md5 sum of run '{run_id}' to verify",
                file=self.annotations.metadata_name,
                row=record.row if record else None,
                column="features_md5_hash",
            )
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if md5 != record.md5:
            raise InputError(
                f"the md5 sum is {md5}",
                file=file,
                expected=f"{record.md5}, as row {record.row} of the metadata has it",
                hint="The file has changed or was damaged: download it again.",
            )


def is_run_name(name: str) -> bool:
    """Whether a file of this name (no folders) is that of a run."""
    plain = name.lower().removesuffix(".gz")
    ours = plain.endswith(SUFFIXES) or plain.endswith(own_suffixes())
    return ours and not is_about_runs(name)


def _is_unread_in_silence(name: str) -> bool:
    return any(fnmatch(name.lower(), pattern) for pattern in _NO_DATA)


def is_about_runs(name: str) -> bool:
    """Whether a file of this name (no folders) tells of runs and is none: metadata, a label.

    Parameters
    ----------
    name
        Of the file.
    """
    return any(fnmatch(name.lower(), pattern) for pattern in _ABOUT_RUNS)


def labels_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are called like labels, sorted.

    Parameters
    ----------
    folder
        Where data lie.
    """
    return sorted(
        path
        for path in folder.glob("*")
        if any(fnmatch(path.name.lower(), pattern) for pattern in LABELS)
        and not path.name.startswith((".", "~$"))
    )


def run_id_of(name: str) -> str:
    """Return the run id of a file or member of this name: its stem."""
    stem = PurePosixPath(name).name
    if stem.lower().endswith(".gz"):
        stem = stem[:-3]
    known = SUFFIXES if stem.lower().endswith(SUFFIXES) else own_suffixes()
    ends = [suffix for suffix in known if stem.lower().endswith(suffix)]
    return stem[: -max(map(len, ends))] if ends else stem


def folder_blobs(folder: Path) -> dict[str, Blob]:
    """Return the files of a folder that may be runs by file name, sorted."""
    paths = [path for path in sorted(folder.iterdir()) if is_run_name(path.name)]
    return {plain_text(path.name): file_blob(path) for path in paths}


def file_blob(path: Path) -> Blob:
    """Return the bytes of a file, or a refusal where its name is no text.

    Parameters
    ----------
    path
        Of the file.
    """
    if plain_text(path.name) != path.name:
        return RefusedBlob(plain_text(str(path)), NO_TEXT, hint="Rename it.")
    return FileBlob(path)


def zip_blobs(archive: Path) -> dict[str, Blob]:
    """Return the members of an archive that may be runs by name, in the order of the archive.

    Members with an absolute path or ``..`` are listed, but refused when read.

    Raises
    ------
    InputError
        If it is no zip archive or cut off, or two members have the same name.
    """
    members, no_utf_8 = _files_in(archive)
    blobs: dict[str, Blob] = {}
    for info in members:
        if not is_run_name(_name_of(info)):
            continue
        if info.filename in blobs:
            raise InputError(f"two members '{info.filename}'", file=archive, expected="one of each")
        blob = _blob(archive, info)
        if info.filename in no_utf_8:
            blob = RefusedBlob(blob.name, NO_TEXT)
        blobs[plain_text(info.filename)] = blob
    return blobs


def zip_others(archive: Path) -> tuple[str, ...]:
    """Return the members of an archive that are not read: no runs, or about runs.

    Parameters
    ----------
    archive
        The file.

    Raises
    ------
    InputError
        As `zip_blobs`.
    """
    return tuple(
        f"{archive}/{plain_text(info.filename)}"
        for info in _files_in(archive)[0]
        if not is_run_name(_name_of(info)) and not _is_unread_in_silence(_name_of(info))
    )


def _files_in(archive: Path) -> tuple[list[zipfile.ZipInfo], frozenset[str]]:
    """Return the files in an archive, and which names are no UTF-8 though they say so."""
    refuse_no_file(archive)
    try:
        with input_errors(str(archive)):
            members, no_utf_8 = members_of(archive)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(
            f"is not a whole zip archive: it is cut off or damaged ({error})",
            file=archive,
            hint="Copy or download it again.",
        ) from error
    return [info for info in members if _is_file(info)], no_utf_8


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that somebody packed; Macs add some of their own."""
    of_macs = {"__MACOSX", ".DS_Store"}.intersection(_path_of(info).parts)
    return bool(info.filename) and not info.is_dir() and not of_macs


def _path_of(info: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(info.filename.replace("\\", "/"))


def _name_of(info: zipfile.ZipInfo) -> str:
    return _path_of(info).name


def by_run_id(blobs: Iterable[tuple[str, Blob]], name: str) -> dict[str, Blob]:
    """Return blobs by run id: names without suffixes, which ``x.txt`` keeps beside ``x.csv``.

    Raises
    ------
    InputError
        If there is none, or two have the same id.
    """
    given = dict(blobs)
    found: dict[str, Blob] = {}
    ids: dict[str, str] = {}
    for path in sorted(given, key=lambda each: (PurePosixPath(each).name, each)):
        run_id = run_id_of(path)
        if run_id in found and PurePosixPath(found[run_id].name).name != PurePosixPath(path).name:
            run_id = PurePosixPath(path).name  # x.csv and x.txt are two runs
        if run_id in found:
            raise InputError(
                f"two files of run '{run_id}': {found[run_id].name} and {given[path].name}",
                file=name,
                expected="one file for each run",
            )
        ids[path] = run_id
        found[run_id] = given[path]
    if not found:
        raise InputError(
            "holds no runs", file=name, expected=f"files that end in {', '.join(SUFFIXES)}"
        )
    return {ids[path]: blob for path, blob in given.items()}


def is_unsafe(path: str) -> bool:
    """Whether a path is absolute or leads out of the folder it should stay in."""
    posix = PurePosixPath(path.replace("\\", "/"))
    return posix.is_absolute() or ".." in posix.parts or bool(PureWindowsPath(path).drive)


def _blob(archive: Path, info: zipfile.ZipInfo) -> Blob:
    name = f"{archive}/{plain_text(info.filename)}"
    if plain_text(info.filename) != info.filename:
        return RefusedBlob(name, NO_TEXT)
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
