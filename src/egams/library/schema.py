"""The tables of a library, and how one of an older version becomes one of this."""

from __future__ import annotations

from egams.families import FAMILIES

APPLICATION = 0x4547414D
"""Marks a SQLite file as a library of egams: "EGAM"."""

PREDICTED = "predicted"
"""What is sorted and filtered by: of each prediction, and whether it is the newest of its run."""

SEALED = {
    "files": ("sha256", "size", "packed"),
    "work": (
        *("id", "kind", "name", "settings", "file", "temperature", "state", "done", "total"),
        *("reason", "result", "made"),
    ),
    "runs": (
        *("id", "file", "temperature", "file_name", "run_id", "reading", "name", "instrument"),
        *("facts", "notes", "remark", "labels", "confirmed", "added"),
    ),
    "outcomes": ("work", "run_id", "run", "reason"),
    "answers": ("run", "bundle", "kind", "content", "egams", "made"),
    PREDICTED: ("run", "bundle", "newest", "calls", "flagged", *FAMILIES, "made"),
    "settings": ("key", "value"),
    "changes": ("revision",),
    "bundles": ("digest", "path", "file"),
}
"""Columns of each table whose checksum a row carries: SQLite itself notices no flipped letter."""

_TABLES = (
    """CREATE TABLE files (
        sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, packed INTEGER NOT NULL, seal INTEGER,
        content BLOB NOT NULL
    )""",
    """CREATE TABLE work (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL,
        settings TEXT NOT NULL, file TEXT REFERENCES files, temperature TEXT REFERENCES files,
        state TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT '', result TEXT, made TEXT NOT NULL,
        owner TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 0,
        claims INTEGER NOT NULL DEFAULT 0, lease_until REAL NOT NULL DEFAULT 0, seal INTEGER
    )""",
    "CREATE INDEX work_by_state ON work (state, id)",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL REFERENCES files,
        temperature TEXT REFERENCES files, file_name TEXT NOT NULL, run_id TEXT NOT NULL,
        reading TEXT NOT NULL, name TEXT NOT NULL UNIQUE, instrument TEXT NOT NULL,
        facts TEXT NOT NULL, notes TEXT NOT NULL, remark TEXT NOT NULL DEFAULT '', labels TEXT,
        confirmed TEXT, added TEXT NOT NULL, words TEXT NOT NULL, seal INTEGER,
        UNIQUE (file, run_id, reading)
    )""",
    """CREATE TABLE outcomes (
        work INTEGER NOT NULL REFERENCES work ON DELETE CASCADE, run_id TEXT NOT NULL,
        run INTEGER REFERENCES runs ON DELETE CASCADE, reason TEXT NOT NULL DEFAULT '',
        seal INTEGER, PRIMARY KEY (work, run_id)
    )""",
    "CREATE INDEX outcomes_by_run ON outcomes (run)",
    """CREATE TABLE answers (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, bundle TEXT NOT NULL,
        kind TEXT NOT NULL, egams TEXT NOT NULL, made TEXT NOT NULL, content TEXT NOT NULL,
        seal INTEGER, PRIMARY KEY (run, bundle, kind)
    )""",
    f"""CREATE TABLE predicted (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, bundle TEXT NOT NULL,
        newest INTEGER NOT NULL, calls TEXT NOT NULL, flagged INTEGER NOT NULL,
        {", ".join(f"{family} REAL NOT NULL" for family in FAMILIES)},
        made TEXT NOT NULL, seal INTEGER, PRIMARY KEY (run, bundle)
    ) WITHOUT ROWID""",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL, seal INTEGER)",
    "CREATE TABLE changes (revision INTEGER NOT NULL, seal INTEGER)",
)


def _seals(table: str) -> tuple[str, str]:
    """Return triggers that keep the checksum of each row."""
    columns = ", ".join(SEALED[table])
    new = ", ".join(f"NEW.{column}" for column in SEALED[table])
    row = "rowid = NEW.rowid"
    if table == PREDICTED:
        row = "run = NEW.run AND bundle = NEW.bundle"
    body = f"BEGIN UPDATE {table} SET seal = seal_of({new}) WHERE {row}; END"
    return (
        f"CREATE TRIGGER seal_new_{table} AFTER INSERT ON {table} {body}",
        f"CREATE TRIGGER seal_changed_{table} AFTER UPDATE OF {columns} ON {table} {body}",
    )


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        *_TABLES,
        *(trigger for table in SEALED if table != "bundles" for trigger in _seals(table)),
        "INSERT INTO changes (revision) VALUES (0)",
    ),
    (
        """CREATE TABLE bundles (
            digest TEXT NOT NULL, path TEXT NOT NULL, file TEXT NOT NULL REFERENCES files,
            seal INTEGER, PRIMARY KEY (digest, path)
        )""",
        *_seals("bundles"),
    ),
)
"""Statements that bring a library from each version to the next, version 0 being an empty file."""
