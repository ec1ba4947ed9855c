"""Files as a library keeps them: each content once, by its SHA-256, packed where that helps."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from egams.errors import ArtifactError, InputError
from egams.io.blob import FileBlob, input_errors
from egams.io.csv_source import run_id_of
from egams.io.sheets import file_of
from egams.io.source import IndexedSource, RunSource
from egams.library.database import damaged
from egams.plain import plain_text
from egams.run import Run

LARGEST = 900 * 2**20
"""Most bytes of a file that a library keeps."""
_LEVEL, _WORTH = 1, 0.95
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,10})?(\.gz)?$", re.IGNORECASE)
_STEM = "file"


@dataclass(frozen=True)
class StoredFile:
    """A file's content as it goes into a library.

    Parameters
    ----------
    sha256
        Of the content.
    size
        Bytes of the content.
    packed
        Whether `content` is compressed.
    content
        The bytes to store.
    """

    sha256: str
    size: int
    packed: bool
    content: bytes

    @classmethod
    def of(cls, path: Path) -> StoredFile:
        """Read a file.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        InputError
            If it cannot be read, or is too large.
        """
        with input_errors(str(path)):
            if path.stat().st_size > LARGEST:
                raise InputError(f"has more than {LARGEST // 2**20} MiB", file=path)
            content = path.read_bytes()
        packed = zlib.compress(content, _LEVEL)
        helps = len(packed) < _WORTH * len(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return cls(sha256, len(content), helps, packed if helps else content)

    def store(self, db: sqlite3.Connection) -> str:
        """Write it where it is not there yet, and return its SHA-256.

        Parameters
        ----------
        db
            That writes.
        """
        db.execute(
            "INSERT OR IGNORE INTO files (sha256, size, packed, content) VALUES (?, ?, ?, ?)",
            (self.sha256, self.size, self.packed, self.content),
        )
        return self.sha256


def content_of(db: sqlite3.Connection, sha256: str, path: Path) -> bytes:
    """Return a file's content.

    Parameters
    ----------
    db
        Of the library.
    sha256
        Of the content.
    path
        Of the library, for messages.

    Raises
    ------
    ArtifactError
        If it is not there, or not as it was written.
    """
    row = db.execute("SELECT packed, content FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise ArtifactError(f"{path}: holds no file {sha256}.")
    try:
        content = zlib.decompress(row["content"]) if row["packed"] else bytes(row["content"])
    except (zlib.error, TypeError) as error:
        raise damaged(path, f"the file {sha256}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise damaged(path, f"the file {sha256}")
    return content


def refuse_damaged_files(db: sqlite3.Connection, path: Path) -> None:
    """Compare every file with its hash.

    Parameters
    ----------
    db
        Of the library.
    path
        Of the library, for messages.

    Raises
    ------
    ArtifactError
        If one is not as it was written.
    """
    for (sha256,) in db.execute("SELECT sha256 FROM files").fetchall():
        content_of(db, sha256, path)


_USED = (
    *(("runs", "file"), ("runs", "temperature"), ("work", "file"), ("work", "temperature")),
    ("bundles", "file"),
)


def remove_unused(db: sqlite3.Connection) -> None:
    """Remove files that no run, no work and no bundle has any more.

    Parameters
    ----------
    db
        That writes.
    """
    used = " UNION ".join(
        f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL" for table, column in _USED
    )
    db.execute(f"DELETE FROM files WHERE sha256 NOT IN ({used})")


class TemporaryFolder:
    """A folder that is removed when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="egams-library-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def __reduce__(self) -> tuple[Callable[[str], Path], tuple[str]]:
        return Path, (str(self.path),)  # another process reads there and removes nothing

    def add(self, content: bytes, name: str, stem: str) -> Path:
        """Write a file whose name takes nothing but the suffix from another's.

        Parameters
        ----------
        content
            Of the file.
        name
            As a person calls the file.
        stem
            To call it here.
        """
        found = _SUFFIX.search(PurePosixPath(name).name)
        path = self.path / (stem + (found[0] if found else ""))
        path.write_bytes(content)
        return path


@dataclass(frozen=True)
class OpenedFile:
    """Runs of a file of the library; what it was called stands in run ids and messages.

    Parameters
    ----------
    source
        The runs, as read from a temporary file.
    folder
        Holds that file; must outlive the source.
    path
        Of that file.
    name
        What the file was called.
    curve
        Name that a file of the temperature has in the folder, and what it was called.
    """

    source: RunSource
    folder: TemporaryFolder
    path: Path
    name: str
    curve: tuple[str, str] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Run ids in file order."""
        return tuple(map(self._shown, self.source.ids))

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What else is in the file and was not taken for a run."""
        return self.source.passed_over if isinstance(self.source, IndexedSource) else ()

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If it is unknown or cannot be used.
        """
        with shown_as(self.path, self.name):
            run = self.source.load(self._own(run_id))
        notes = run.notes
        if self.curve is not None:
            notes = tuple(note.replace(*self.curve) for note in notes)
        return replace(run, run_id=run_id, notes=notes)

    def fingerprint(self, run_id: str) -> str:
        """Return a string that changes with the run."""
        return self.source.fingerprint(self._own(run_id))

    def only(self, ids: Sequence[str]) -> OpenedFile:
        """Return a source of some of its runs, in this order."""
        return replace(self, source=self.source.only([self._own(run_id) for run_id in ids]))

    @property
    def _renamed(self) -> bool:
        """Whether run ids begin with the name of the file: all but those of archives and tables."""
        if not isinstance(self.source, IndexedSource):
            return False
        file = file_of(next(iter(self.source.index.values())))
        return isinstance(file, FileBlob) and file.path == self.path

    def _shown(self, own: str) -> str:
        return _with_stem(own, self.path.name, self.name) if self._renamed else own

    def _own(self, run_id: str) -> str:
        return _with_stem(run_id, self.name, self.path.name) if self._renamed else run_id


def _with_stem(run_id: str, name: str, other: str) -> str:
    """Return a run id that begins with the stem of one name with that of another."""
    stem, new = (plain_text(run_id_of(each)) for each in (name, other))
    of_file = run_id == stem or run_id.startswith(f"{stem}/")
    return new + run_id.removeprefix(stem) if of_file else run_id


@contextmanager
def shown_as(path: Path, name: str) -> Iterator[None]:
    """Name a file in messages as a person calls it, not where it lies for the moment.

    Parameters
    ----------
    path
        Where it lies.
    name
        What it is called.

    Raises
    ------
    InputError
        As the block does.
    """

    def renamed(text: str | None) -> str | None:
        return text and text.replace(str(path), name).replace(path.name, name)

    try:
        yield
    except InputError as error:
        raise InputError(
            renamed(error.problem) or "",
            file=renamed(error.file),
            row=error.row,
            column=error.column,
            expected=renamed(error.expected),
            hint=renamed(error.hint),
        ) from error
