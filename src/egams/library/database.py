"""`Database`: one SQLite file that several threads and processes may use at once."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from egams.artifact import written_whole
from egams.durable import sync
from egams.errors import ArtifactError
from egams.full_disk import names_full_disk
from egams.library import schema

WAIT = 30.0
"""Longest wait for another process that writes, s."""
_MAGIC = b"SQLite format 3\0"
RESTORE = "Restore it from a backup (egams library backup makes one)."


class Database:
    """A library's file: its schema, its transactions, and what becomes of errors.

    Parameters
    ----------
    path
        The file; made where there is none.

    Raises
    ------
    ArtifactError
        If it is damaged, no library, or of a newer egams.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self._idle: list[sqlite3.Connection] = []
        with names_full_disk(self.path), _named(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a library; see the class."""
        return cls(path)

    def close(self) -> None:
        """Close the file. What is under way elsewhere goes on."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def revision(self) -> int:
        """A number that grows with every change of the library."""
        with self.reading() as db:
            row = db.execute(f"SELECT revision, {whole('changes')} FROM changes").fetchone()
            if row is None or not row["whole_changes"]:
                raise damaged(self.path, "the revision")
            return int(row["revision"])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose statements all see the library as it is at one moment."""
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                _roll_back(db)

    @contextmanager
    def writing(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
        """Give a connection that alone writes; all of it is kept, or on an error nothing.

        Parameters
        ----------
        counted
            Whether it is a change that others want to see: `revision` grows.
        """
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                if counted:
                    db.execute("UPDATE changes SET revision = revision + 1")
                db.execute("COMMIT")
            finally:
                _roll_back(db)

    def backup(self, path: str | Path) -> Path:
        """Write a copy of the library as it is at one moment, and check all of the copy.

        Parameters
        ----------
        path
            File to write.

        Raises
        ------
        ArtifactError
            If the library, and so the copy, is damaged.
        """
        target = Path(path).absolute()
        with written_whole(target) as temporary:
            with self._connection() as db:
                _copy(db, temporary)
            check_all(temporary, self.path)
        return target

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with names_full_disk(self.path), _named(self.path):
            try:
                db = self._idle.pop()
            except IndexError:
                db = connect(self.path)
            try:
                yield db
            except BaseException:
                db.close()
                raise
            self._idle.append(db)

    def _prepare(self) -> None:
        with self._connection() as db:
            refuse_other(db, self.path)
            while (version := _version(db)) < len(schema.MIGRATIONS):
                self._migrate(db, version)
            for table in schema.SEALED:
                if table != "files":  # whose contents are compared with their hash when read
                    _refuse_unsound(db, f"integrity_check({table})", self.path)

    def _migrate(self, db: sqlite3.Connection, version: int) -> None:
        if version == 0:
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        try:
            if _version(db) != version:  # another process was quicker
                return
            if version:
                kept = self.path.with_name(f"{self.path.name}.before-{version + 1}")
                with written_whole(kept) as temporary, closing(connect(self.path)) as other:
                    _copy(other, temporary)
            for statement in schema.MIGRATIONS[version]:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {schema.APPLICATION}")
            db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        finally:
            _roll_back(db)


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as every part of a library uses it.

    Parameters
    ----------
    path
        The file.
    """
    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        db.create_function("seal_of", -1, _seal, deterministic=True)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite, as a library is.

    Parameters
    ----------
    path
        Of the file, that need not be there.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def check_all(path: Path, named: Path) -> None:
    """Compare every byte that counts with its checksum.

    Parameters
    ----------
    path
        A library.
    named
        What to call it in messages.

    Raises
    ------
    ArtifactError
        If something has changed.
    """
    from egams.library.files import refuse_damaged_files

    with _named(named), closing(connect(path)) as db:
        refuse_other(db, named)
        if _version(db) < len(schema.MIGRATIONS):
            raise ArtifactError(
                f"{named}: a library of version {_version(db)}, of an older egams. Open it once: "
                "egams library list"
            )
        _refuse_unsound(db, "integrity_check", named)
        if db.execute("PRAGMA foreign_key_check").fetchone():
            raise ArtifactError(f"{named}: is damaged: rows are missing. {RESTORE}")
        for table, columns in schema.SEALED.items():
            first, sealed = columns[0], ", ".join(columns)
            broken = f"SELECT {first} FROM {table} WHERE seal IS NOT seal_of({sealed})"
            if row := db.execute(broken).fetchone():
                raise damaged(named, f"{table}, {first} {row[0]}")
        refuse_damaged_files(db, named)


def refuse_other(db: sqlite3.Connection, path: Path) -> None:
    """See that a file is a library of a version that this egams knows, or empty.

    Parameters
    ----------
    db
        Of the file.
    path
        Of the file, for messages.

    Raises
    ------
    ArtifactError
        If it is another.
    """
    version, known = _version(db), len(schema.MIGRATIONS)
    ours = db.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not ours and not (empty and version == 0):
        raise ArtifactError(f"{path}: is no library of egams.")
    if version > known:
        raise ArtifactError(
            f"{path}: a library of version {version}; this egams knows versions up to {known}. "
            "Install a newer egams."
        )


def damaged(path: Path, what: str) -> ArtifactError:
    """Return what to raise where a part of a library is not as it was written.

    Parameters
    ----------
    path
        The library.
    what
        The part.
    """
    return ArtifactError(f"{path}: is damaged: {what} is not as it was written. {RESTORE}")


def whole(table: str, alias: str = "") -> str:
    """Return the SQL of a column that is 1 where a row is as it was written, for `unsealed`.

    Parameters
    ----------
    table
        Its table.
    alias
        What the query calls the table.
    """
    of = f"{alias}." if alias else ""
    columns = ", ".join(of + column for column in schema.SEALED[table])
    return f"({of}seal IS seal_of({columns})) AS whole_{table}"


def _seal(*values: object) -> int:
    return zlib.crc32(json.dumps(values).encode())


def _copy(db: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, that may lie where none can write
    sync(target)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _refuse_unsound(db: sqlite3.Connection, check: str, path: Path) -> None:
    found = db.execute(f"PRAGMA {check}").fetchone()[0]
    if found != "ok":
        raise ArtifactError(f"{path}: is damaged ({found}). {RESTORE}")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")


_WORDS = {
    sqlite3.SQLITE_BUSY: f"another process has written to it for {WAIT:g} s. Try again.",
    sqlite3.SQLITE_READONLY: "cannot be written. Check its permissions.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened. Check its folder and permissions.",
    sqlite3.SQLITE_NOTADB: "is no library of egams.",
    sqlite3.SQLITE_TOOBIG: "a file is larger than a library can hold (1 GB).",
}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about a file into `ArtifactError`, a full disk into `OSError`."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except UnicodeDecodeError as error:  # of a message that quotes what is damaged
        raise ArtifactError(f"{path}: is damaged ({error.reason}). {RESTORE}") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary == sqlite3.SQLITE_FULL:
            import errno

            raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
        words = _WORDS.get(primary or -1, f"is damaged ({error}). {RESTORE}")
        raise ArtifactError(f"{path}: {words}") from error


def loads(text: str | None) -> Any:
    """Read JSON of a column; None where it is empty.

    Parameters
    ----------
    text
        As it stands there.
    """
    return None if text is None else json.loads(text)
