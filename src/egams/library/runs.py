"""`Runs`: the runs of a library, what was predicted of them, remarks and labels."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from egams.families import FAMILIES
from egams.library.database import damaged, loads, whole
from egams.library.files import remove_unused
from egams.library.records import (
    PREDICTION,
    FoundRun,
    StoredRun,
    UnknownIdError,
    Work,
    compact,
    label_text,
    now,
    storable,
)
from egams.library.rows import index_words, kept_run, settle, write_answer
from egams.library.search import Search
from egams.library.works import Works


class Runs(Works):
    """The part of a library that is about runs."""

    def settled(self, work: Work) -> frozenset[str]:
        """Return which runs of a file need not be read again: names in the file.

        Parameters
        ----------
        work
            That reads the file.
        """
        with self.reading() as db:
            rows = db.execute("SELECT run_id FROM outcomes WHERE work = ?", (work.id,))
            return frozenset(row["run_id"] for row in rows)

    def keep_runs(
        self,
        work: Work,
        found: Sequence[FoundRun],
        done: int,
        total: int,
        skipped: Mapping[str, str] | None = None,
    ) -> tuple[int, ...]:
        """Keep runs of the file that a work reads, and how far it is, all or nothing.

        A run that is there already, read in the same way, is not kept twice.

        Parameters
        ----------
        work
            As `claim` returned it.
        found
            Runs that were read.
        done, total
            How far the work is.
        skipped
            Why runs could not be used, by their name in the file.

        Returns
        -------
        tuple of int
            Ids of the runs `found`.

        Raises
        ------
        LostWorkError
            If the work is another's now.
        """
        from egams import __version__

        with self.writing() as db:
            self._update(db, work, "attempt = 0, done = ?, total = ?", done, total)
            ids = []
            for run in found:
                ids.append(kept_run(db, work, run))
                settle(db, work, run.run_id, ids[-1], "")
                if run.prediction is not None and run.bundle is not None:
                    write_answer(db, ids[-1], run.bundle, PREDICTION, run.prediction, __version__)
            for run_id, reason in (skipped or {}).items():
                settle(db, work, run_id, None, reason)
            return tuple(ids)

    def runs(
        self,
        search: str = "",
        call: tuple[str, str] | None = None,
        labelled: bool | None = None,
        flagged: bool | None = None,
        sort: str = "added",
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
        bundle: str | None = None,
        stale: bool | None = None,
        name: str = "",
        among: Sequence[int] | None = None,
    ) -> tuple[list[StoredRun], int]:
        """Return some runs in order, and how many there are of that kind.

        Parameters
        ----------
        search
            Words that name, file, remark or instrument hold, whatever their case; all of them.
        call
            Family and what it is to be called; of the family "" any.
        labelled
            Whether a person confirmed labels.
        flagged
            Whether the run is unlike the training runs in some way.
        sort
            ``added``, ``name``, ``file``, ``instrument``, or a family, by its probability.
        descending
            Whether the last comes first.
        limit, offset
            How many, after how many.
        bundle
            Digest of the bundle whose predictions count, where there are such; else the last ones.
        stale
            Whether that bundle has not predicted the run.
        name
            All of a run's name, where one is sought.
        among
            Ids; only these, as far as they are there.

        Raises
        ------
        InputError
            If there is no such family, call or order.
        """
        query = Search(search, call, labelled, flagged, sort, descending, stale, name, among)
        with self.reading() as db:
            ids = [row["id"] for row in db.execute(*query.ids(bundle))]
            page = ids[offset:] if limit < 0 else ids[offset : offset + limit]
            rows = {row["id"]: row for row in db.execute(*Search.some(page, bundle))}
            return [self._stored(db, rows[id]) for id in page], len(ids)

    def run(self, id: int, bundle: str | None = None) -> StoredRun:
        """Return one.

        Parameters
        ----------
        id
            Its number.
        bundle
            As for `runs`.

        Raises
        ------
        InputError
            If there is none of this number.
        """
        with self.reading() as db:
            row = db.execute(*Search.some([id], bundle)).fetchone()
            if row is None:
                raise UnknownIdError(f"there is no run {id}", file=self.path)
            return self._stored(db, row)

    def keep_answer(
        self, run: int, bundle: str, kind: str, content: Mapping[str, Any], work: Work | None = None
    ) -> None:
        """Keep what was computed of a run, in place of an earlier answer of the kind.

        Parameters
        ----------
        run
            Id of the run.
        bundle
            Digest of the bundle that gave it; "" where none did.
        kind
            ``prediction`` (``RunPrediction.details()``), ``explanation``, ``peaks``, ...
        content
            As JSON holds it.
        work
            As `claim` returned it, if the answer is to be kept only while the work is its
            worker's; the run then becomes one of its runs.

        Raises
        ------
        InputError
            If there is no such run.
        LostWorkError
            If the work is another's now.
        """
        from egams import __version__

        with self.writing() as db:
            run_id = self._run_id(db, run)
            if work is not None:
                self._update(db, work, "attempt = 0, done = done + 1")
                settle(db, work, run_id, run, "")
            write_answer(db, run, bundle, kind, content, __version__)

    def answer(self, run: int, bundle: str, kind: str) -> dict[str, Any] | None:
        """Return what `keep_answer` kept, None if nothing.

        Parameters
        ----------
        run, bundle, kind
            As for `keep_answer`.
        """
        with self.reading() as db:
            row = db.execute(
                f"SELECT *, {whole('answers')} FROM answers "
                "WHERE run = ? AND bundle = ? AND kind = ?",
                (run, bundle, kind),
            ).fetchone()
            return None if row is None else self._content(row)

    def answers(self, run: int) -> list[dict[str, Any]]:
        """Return all that was computed of a run, newest first.

        Parameters
        ----------
        run
            Id of the run.

        Returns
        -------
        list of dict
            With ``bundle``, ``kind``, ``egams`` (version), ``made`` and ``content``.
        """
        with self.reading() as db:
            rows = db.execute(
                f"SELECT *, {whole('answers')} FROM answers WHERE run = ? ORDER BY made DESC",
                (run,),
            ).fetchall()
            names = ("bundle", "kind", "egams", "made")
            return [
                {name: row[name] for name in names} | {"content": self._content(row)}
                for row in rows
            ]

    def set_remark(self, id: int, text: str) -> None:
        """Write a remark of a run in place of the earlier one.

        Parameters
        ----------
        id
            Of the run.
        text
            Any text.

        Raises
        ------
        InputError
            If there is no such run.
        """
        with self.writing() as db:
            self._run_id(db, id)
            db.execute("UPDATE runs SET remark = ? WHERE id = ?", (storable(text), id))
            index_words(db, id)

    def confirm(self, id: int, labels: Mapping[str, int] | Sequence[int] | None) -> None:
        """Note the labels of a run that a person is sure of.

        Parameters
        ----------
        id
            Of the run.
        labels
            0 or 1 by family, or in the order of `egams.families.FAMILIES`; None takes them back.

        Raises
        ------
        InputError
            If there is no such run, or something else than 0 and 1 for all families.
        """
        text = label_text(labels)
        with self.writing() as db:
            self._run_id(db, id)
            db.execute(
                "UPDATE runs SET labels = ?, confirmed = ? WHERE id = ?",
                (text, None if text is None else now(), id),
            )

    def remove(self, ids: Sequence[int]) -> None:
        """Remove runs, what was computed of them, and files that no other run is in.

        Parameters
        ----------
        ids
            Of the runs.

        Raises
        ------
        InputError
            If one is not there; then none is removed.
        """
        with self.writing() as db:
            for id in ids:
                self._run_id(db, id)
            for id in ids:
                of_run = "SELECT work FROM outcomes WHERE run = ?"
                works = [row["work"] for row in db.execute(of_run, (id,)).fetchall()]
                db.execute("DELETE FROM runs WHERE id = ?", (id,))
                for work in works:
                    db.execute(
                        "DELETE FROM work WHERE id = ? AND state = 'done' "
                        "AND NOT EXISTS (SELECT 1 FROM outcomes WHERE work = ?)",
                        (work, work),
                    )
            remove_unused(db)

    def setting(self, key: str) -> Any:
        """Return what `set_setting` kept, None if nothing.

        Parameters
        ----------
        key
            Its name.
        """
        with self.reading() as db:
            row = db.execute(
                f"SELECT *, {whole('settings')} FROM settings WHERE key = ?", (key,)
            ).fetchone()
            if row is not None and not row["whole_settings"]:
                raise damaged(self.path, f"the setting '{key}'")
            return None if row is None else loads(row["value"])

    def set_setting(self, key: str, value: Any) -> None:
        """Keep a setting of the library.

        Parameters
        ----------
        key
            Its name.
        value
            As JSON holds it; None removes it.
        """
        with self.writing() as db:
            db.execute("DELETE FROM settings WHERE key = ?", (key,))
            if value is not None:
                db.execute("INSERT INTO settings (key, value) VALUES (?, ?)", (key, compact(value)))

    def _run_id(self, db: sqlite3.Connection, id: int) -> str:
        row = db.execute("SELECT run_id FROM runs WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise UnknownIdError(f"there is no run {id}", file=self.path)
        return str(row["run_id"])

    def _content(self, row: sqlite3.Row) -> dict[str, Any]:
        if not row["whole_answers"]:
            raise damaged(self.path, f"the {row['kind']} of run {row['run']}")
        content: dict[str, Any] = json.loads(row["content"])
        return content

    def _stored(self, db: sqlite3.Connection, row: sqlite3.Row) -> StoredRun:
        if not row["whole_runs"]:
            raise damaged(self.path, f"run {row['id']}")
        prediction = None
        if row["bundle"] is not None:
            answer = db.execute(
                f"SELECT *, {whole('answers')} FROM answers "
                "WHERE run = ? AND bundle = ? AND kind = ?",
                (row["id"], row["bundle"], PREDICTION),
            ).fetchone()
            if answer is None or not row["whole_predicted"]:
                raise damaged(self.path, f"the prediction of run {row['id']}")
            prediction = self._content(answer)
        texts = ("id", "name", "run_id", "file", "file_name", "instrument", "remark", "confirmed")
        labels = loads(row["labels"])
        return StoredRun(
            **{name: row[name] for name in (*texts, "added", "bundle", "predicted")},
            reading=loads(row["reading"]),
            facts=loads(row["facts"]),
            notes=tuple(loads(row["notes"])),
            labels=None if labels is None else dict(zip(FAMILIES, labels, strict=True)),
            prediction=prediction,
        )
