"""`Works`: what takes time, claimed by one worker at a time; a dead worker's is claimed again."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egams.errors import InputError
from egams.io import SkippedRun
from egams.library.database import Database, damaged, loads, whole
from egams.library.files import StoredFile, remove_unused
from egams.library.reading import Reading
from egams.library.records import (
    ASKING,
    DONE,
    OPEN,
    QUEUED,
    REFUSED,
    WORKING,
    LostWorkError,
    TooMuchWorkError,
    UnknownIdError,
    Work,
    compact,
    now,
    storable,
)
from egams.plain import plain_text

LEASE = 20.0
"""Time after which work whose worker says nothing is another's, s."""
MOST_ATTEMPTS = 5
"""Work that ended so many workers in a row without any progress is refused."""


class Works(Database):
    """The part of a library that is about work."""

    def submit(
        self,
        kind: str,
        name: str,
        settings: Mapping[str, Any],
        file: Path | None = None,
        temperature: tuple[str, Path] | None = None,
        *,
        most_open: int | None = None,
    ) -> Work:
        """Add work, with the file that it needs, at once or not at all.

        Parameters
        ----------
        kind
            What kind of work.
        name
            What to call it; of a file its name, which is shown and gives the suffix.
        settings
            As JSON holds them; ``reading`` is checked.
        file
            Whose content is kept.
        temperature
            Name and path of a file with the temperature, which becomes part of the reading.
        most_open
            Most work that may be open.

        Raises
        ------
        InputError
            If the reading makes no sense, or a file cannot be read.
        TooMuchWorkError
            If as much is open.
        """
        stored = None if file is None else StoredFile.of(file)
        settings, curve = _with_temperature(settings, temperature)
        with self.writing() as db:
            if most_open is not None:
                marks = ", ".join("?" * len(OPEN))
                count = f"SELECT count(*) FROM work WHERE state IN ({marks})"
                if db.execute(count, OPEN).fetchone()[0] >= most_open:
                    raise TooMuchWorkError(
                        f"{most_open} files and other work wait already. Try again when some is "
                        "done."
                    )
            values = (
                kind,
                plain_text(name),
                compact(settings),
                stored.store(db) if stored else None,
                _stored_curve(db, curve, settings),
                QUEUED,
                now(),
            )
            made = db.execute(
                "INSERT INTO work (kind, name, settings, file, temperature, state, made) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return self._work(db, int(made.lastrowid or 0))

    def works(
        self, states: Sequence[str] | None = None, limit: int = 100, offset: int = 0
    ) -> list[Work]:
        """Return work, newest first.

        Parameters
        ----------
        states
            Of these; None for all.
        limit, offset
            How much, after how much.
        """
        chosen = "" if states is None else f"WHERE state IN ({', '.join('?' * len(states))})"
        with self.reading() as db:
            rows = db.execute(
                f"SELECT *, {whole('work')} FROM work {chosen} ORDER BY id DESC LIMIT ? OFFSET ?",
                (*(states or ()), limit, offset),
            ).fetchall()
            return self._works(db, rows)

    def work_counts(self) -> dict[str, int]:
        """Return how much work is in each state that any is in."""
        with self.reading() as db:
            return dict(db.execute("SELECT state, count(*) FROM work GROUP BY state").fetchall())

    def work(self, id: int) -> Work:
        """Return one.

        Raises
        ------
        InputError
            If there is none of this number.
        """
        with self.reading() as db:
            return self._work(db, id)

    def again(
        self, id: int, settings: Mapping[str, Any], temperature: tuple[str, Path] | None = None
    ) -> Work:
        """Queue work again with other settings; runs that it brought stay.

        Parameters
        ----------
        id
            Of the work.
        settings, temperature
            As for `submit`.

        Raises
        ------
        InputError
            If there is none of this number; and as `submit`.
        """
        settings, curve = _with_temperature(settings, temperature)
        with self.writing() as db:
            self._work(db, id)
            db.execute("DELETE FROM outcomes WHERE work = ?", (id,))
            db.execute(
                "UPDATE work SET settings = ?, temperature = ?, state = ?, done = 0, total = 0, "
                "reason = '', result = NULL, owner = '', attempt = 0, lease_until = 0 WHERE id = ?",
                (compact(settings), _stored_curve(db, curve, settings), QUEUED, id),
            )
            remove_unused(db)
            return self._work(db, id)

    def forget(self, id: int) -> None:
        """Remove work; runs that it brought stay.

        Parameters
        ----------
        id
            Of the work.

        Raises
        ------
        InputError
            If there is none of this number.
        """
        with self.writing() as db:
            self._work(db, id)
            db.execute("DELETE FROM work WHERE id = ?", (id,))
            remove_unused(db)

    def claim(self, owner: str, kinds: Sequence[str], lease_s: float = LEASE) -> Work | None:
        """Take the oldest work that waits, or whose worker is gone; None where there is none.

        Parameters
        ----------
        owner
            Who takes it.
        kinds
            Of these.
        lease_s
            Time in which to `renew`, s.
        """
        marks = ", ".join("?" * len(kinds))
        waiting = (
            f"SELECT id, attempt FROM work WHERE kind IN ({marks}) AND (state = '{QUEUED}' "
            f"OR state = '{WORKING}' AND lease_until < ?) ORDER BY id LIMIT 1"
        )
        while True:
            with self.reading() as db:  # waiting for work disturbs nobody who writes
                if db.execute(waiting, (*kinds, time.time())).fetchone() is None:
                    return None
            with self.writing() as db:
                row = db.execute(waiting, (*kinds, time.time())).fetchone()
                if row is not None and row["attempt"] < MOST_ATTEMPTS:
                    db.execute(
                        "UPDATE work SET state = ?, owner = ?, attempt = attempt + 1, "
                        "claims = claims + 1, lease_until = ? WHERE id = ?",
                        (WORKING, owner, time.time() + lease_s, row["id"]),
                    )
                    return self._work(db, row["id"])
                if row is not None:
                    why = f"egams ended {MOST_ATTEMPTS} times while it worked at this"
                    db.execute(
                        "UPDATE work SET state = ?, reason = ? WHERE id = ?",
                        (REFUSED, why, row["id"]),
                    )

    def renew(self, work: Work, lease_s: float = LEASE) -> None:
        """Keep work that was claimed.

        Parameters
        ----------
        work
            As `claim` returned it.
        lease_s
            Time until the next renewal, s.

        Raises
        ------
        LostWorkError
            If it is another's now.
        """
        with self.writing(counted=False) as db:
            self._update(db, work, "lease_until = ?", time.time() + lease_s)

    def progress(self, work: Work, done: int, total: int) -> None:
        """Note how far work is.

        Parameters
        ----------
        work
            As `claim` returned it.
        done, total
            How far.

        Raises
        ------
        LostWorkError
            If it is another's now.
        """
        with self.writing() as db:
            self._update(db, work, "attempt = 0, done = ?, total = ?", done, total)

    def release(self, work: Work) -> None:
        """Put work back that was claimed, to be claimed at once: this process ends.

        Parameters
        ----------
        work
            As `claim` returned it.

        Raises
        ------
        LostWorkError
            If it is another's now.
        """
        with self.writing() as db:
            self._update(db, work, "state = ?, owner = '', attempt = 0", QUEUED)

    def finish(self, work: Work, result: Any = None) -> Work:
        """End work that is done.

        Parameters
        ----------
        work
            As `claim` returned it.
        result
            What came out, as JSON holds it.

        Raises
        ------
        LostWorkError
            If it is another's now.
        """
        with self.writing() as db:
            self._update(
                db, work, "state = ?, reason = '', result = ?, owner = ''", DONE, compact(result)
            )
            return self._work(db, work.id)

    def refuse(self, work: Work, reason: str, asking: bool = False, result: Any = None) -> Work:
        """End work that cannot be done, or not until a person states something.

        Parameters
        ----------
        work
            As `claim` returned it.
        reason
            Why, or what is asked.
        asking
            Whether a person can help.
        result
            More of it, as JSON holds it.

        Raises
        ------
        LostWorkError
            If it is another's now.
        """
        state = ASKING if asking else REFUSED
        with self.writing() as db:
            self._update(
                db,
                work,
                "state = ?, reason = ?, result = ?, owner = ''",
                state,
                storable(reason),
                compact(result),
            )
            return self._work(db, work.id)

    def _update(self, db: sqlite3.Connection, work: Work, what: str, *values: object) -> None:
        """Change work that still is its worker's."""
        mine = f"id = ? AND state = '{WORKING}' AND owner = ? AND claims = ?"
        changed = db.execute(
            f"UPDATE work SET {what} WHERE {mine}", (*values, work.id, work.owner, work.claims)
        )
        if changed.rowcount == 0:
            raise LostWorkError(f"'{work.name}' was removed, or is another worker's now.")

    def _work(self, db: sqlite3.Connection, id: int) -> Work:
        rows = db.execute(f"SELECT *, {whole('work')} FROM work WHERE id = ?", (id,)).fetchall()
        if not rows:
            raise UnknownIdError(f"there is no work {id}", file=self.path)
        return self._works(db, rows)[0]

    def _works(self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Work]:
        runs: dict[int, list[int]] = defaultdict(list)
        skipped: dict[int, list[SkippedRun]] = defaultdict(list)
        works = []
        for row in rows:
            if not row["whole_work"]:
                raise damaged(self.path, f"work {row['id']}")
            for outcome in db.execute(
                f"SELECT *, {whole('outcomes')} FROM outcomes WHERE work = ? ORDER BY rowid",
                (row["id"],),
            ):
                if not outcome["whole_outcomes"]:
                    raise damaged(self.path, f"what became of work {row['id']}")
                if outcome["run"] is None:
                    reason = SkippedRun(outcome["run_id"], outcome["reason"])
                    skipped[row["id"]].append(reason)
                else:
                    runs[row["id"]].append(outcome["run"])
            works.append(_work_of(row, runs[row["id"]], skipped[row["id"]]))
        return works


def _work_of(row: sqlite3.Row, runs: Sequence[int], skipped: Sequence[SkippedRun]) -> Work:
    names = ("id", "kind", "name", "file", "state", "done", "total", "reason", "made", "owner")
    return Work(
        **{name: row[name] for name in (*names, "claims")},
        settings=loads(row["settings"]),
        result=loads(row["result"]),
        runs=tuple(runs),
        skipped=tuple(skipped),
    )


def _with_temperature(
    settings: Mapping[str, Any], temperature: tuple[str, Path] | None
) -> tuple[dict[str, Any], StoredFile | None]:
    """Check the reading of settings, and make a file of the temperature part of it."""
    if temperature is None and "reading" not in settings:
        return dict(settings), None
    reading = Reading.of(settings.get("reading"))
    if temperature is None:
        return {**settings, "reading": reading.details()}, None
    name, path = temperature
    curve = StoredFile.of(path)
    reading = reading.with_temperature(curve.sha256, plain_text(name))
    return {**settings, "reading": reading.details()}, curve


def _stored_curve(
    db: sqlite3.Connection, curve: StoredFile | None, settings: Mapping[str, Any]
) -> str | None:
    if curve is not None:
        return curve.store(db)
    named = settings.get("reading", {}).get("temperature")
    if named and not db.execute("SELECT 1 FROM files WHERE sha256 = ?", (named,)).fetchone():
        raise InputError(f"there is no file {named} of a temperature", expected="the file itself")
    return None if named is None else str(named)
