"""Rows of runs and of what is known of them, as one transaction writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from egams.families import FAMILIES
from egams.library.reading import Reading
from egams.library.records import PREDICTION, FoundRun, Work, compact, now, storable
from egams.plain import plain_text


def kept_run(db: sqlite3.Connection, work: Work, run: FoundRun) -> int:
    """Return the id of a run of a work's file, after keeping it where it was not there.

    Parameters
    ----------
    db
        That writes.
    work
        That reads the file.
    run
        What was read.
    """
    reading = Reading.of(work.settings.get("reading"))
    there = db.execute(
        "SELECT id FROM runs WHERE file = ? AND run_id = ? AND reading = ?",
        (work.file, run.run_id, reading.text()),
    ).fetchone()
    if there is not None:
        return int(there["id"])
    row = {
        "file": work.file,
        "temperature": reading.temperature,
        "file_name": work.name,
        "run_id": run.run_id,
        "reading": reading.text(),
        "name": _free_name(db, plain_text(run.run_id)),
        "instrument": run.instrument,
        "facts": compact(run.facts),
        "notes": compact(list(run.notes)),
        "added": now(),
        "words": "",
    }
    marks = ", ".join("?" * len(row))
    made = db.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    id = int(made.lastrowid or 0)
    index_words(db, id)
    return id


def _free_name(db: sqlite3.Connection, run_id: str) -> str:
    name, number = run_id, 1
    while db.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone():
        number += 1
        name = f"{run_id} ({number})"
    return name


def index_words(db: sqlite3.Connection, id: int) -> None:
    """Write down in which words a run is searched: in small letters, a line each.

    Parameters
    ----------
    db
        That writes.
    id
        Of the run.
    """
    names = ("name", "file_name", "instrument", "remark")
    row = db.execute(f"SELECT {', '.join(names)} FROM runs WHERE id = ?", (id,)).fetchone()
    words = "\n".join(str(row[name]) for name in names).casefold().replace("\x00", " ")
    db.execute("UPDATE runs SET words = ? WHERE id = ?", (words, id))


def settle(db: sqlite3.Connection, work: Work, run_id: str, run: int | None, reason: str) -> None:
    """Note what became of a run of a work's file.

    Parameters
    ----------
    db
        That writes.
    work
        That reads the file.
    run_id
        Name of the run in the file.
    run
        Its id in the library; None where it could not be used.
    reason
        Why not.
    """
    db.execute(
        "INSERT INTO outcomes (work, run_id, run, reason) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET run = excluded.run, reason = excluded.reason",
        (work.id, run_id, run, storable(reason)),
    )


def write_answer(
    db: sqlite3.Connection,
    run: int,
    bundle: str,
    kind: str,
    content: Mapping[str, Any],
    version: str,
) -> None:
    """Write what was computed of a run, in place of an earlier answer of the kind.

    Parameters
    ----------
    db
        That writes.
    run
        Its id.
    bundle, kind, content
        As for `egams.library.runs.Runs.keep_answer`.
    version
        Of egams.
    """
    made = now()
    db.execute(
        "INSERT INTO answers (run, bundle, kind, egams, made, content) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET egams = excluded.egams, made = excluded.made, "
        "content = excluded.content",
        (run, bundle, kind, version, made, compact(content)),
    )
    if kind != PREDICTION:
        return
    families = [content["families"][family] for family in FAMILIES]
    calls = "".join(family["call"][0] for family in families)
    values = [float(family["probability"]) for family in families]
    columns = ("run", "bundle", "newest", "calls", "flagged", *FAMILIES, "made")
    db.execute("DELETE FROM predicted WHERE run = ? AND bundle = ?", (run, bundle))
    db.execute("UPDATE predicted SET newest = 0 WHERE run = ? AND newest", (run,))
    db.execute(
        f"INSERT INTO predicted ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        (run, bundle, True, calls, bool(content["flags"]), *values, made),
    )
