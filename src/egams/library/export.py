"""`export`: all of a library as a zip that any program reads, and egams as its own input."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egams.artifact import written_whole
from egams.errors import InputError
from egams.families import FAMILIES
from egams.io.csv_source import is_about_runs
from egams.library.records import StoredRun
from egams.plain import spreadsheet_text
from egams.run_csv import run_to_csv

if TYPE_CHECKING:
    from egams.library.library import Library

LONGEST_NAME = 120
CONTENT = "library.json"


def export(library: Library, path: Path) -> int:
    """Write a library as a zip; see `egams.library.library.Library.export`.

    Parameters
    ----------
    library
        The library.
    path
        File to write.

    Returns
    -------
    int
        How many runs it holds.
    """
    runs, _ = library.runs(sort="file", limit=-1)
    names = _file_names(runs)
    content, metadata = [], []
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", _PACKED) as archive:
        source = library.source([run.id for run in runs]) if runs else None
        for run in runs:
            assert source is not None
            name, reason = names[run.id], None
            try:
                text = run_to_csv(source.load(run.name), unmeasured=True)
                archive.writestr(f"runs/{name}.csv", text)
                metadata.append((spreadsheet_text(name), run.instrument, f"runs/{name}.csv"))
            except InputError as error:  # without times, for example; its own file is here
                reason = str(error)
            content.append(_entry(library, run, name, reason))
        for sha256 in dict.fromkeys(run.file for run in runs):
            archive.writestr(f"files/{sha256}", library.content(sha256))
        for sha256 in {run.reading["temperature"] for run in runs if "temperature" in run.reading}:
            archive.writestr(f"files/{sha256}", library.content(sha256))
        header = ("sample_id", "instrument_type", "features_path")
        archive.writestr("metadata.csv", _table(header, metadata))
        archive.writestr("labels.csv", labels_csv(runs, names))
        archive.writestr(CONTENT, json.dumps({"runs": content}, indent=1))
    return len(runs)


_PACKED = zipfile.ZIP_DEFLATED


def labels_csv(runs: Iterable[StoredRun], names: dict[int, str] | None = None) -> str:
    """Return the confirmed labels of runs in the challenge's layout.

    Parameters
    ----------
    runs
        Those without labels are left out.
    names
        What to call each, by id; None: its own name.
    """
    rows = [
        (
            spreadsheet_text(names[run.id] if names else run.name),
            *(run.labels[family] for family in FAMILIES),
        )
        for run in runs
        if run.labels is not None
    ]
    return _table(("sample_id", *FAMILIES), rows)


def _entry(library: Library, run: StoredRun, name: str, reason: str | None) -> dict[str, Any]:
    entry = {
        "sample_id": name,
        "name": run.name,
        "run_in_file": run.run_id,
        "file": run.file,
        "file_name": run.file_name,
        "reading": run.reading,
        "instrument": run.instrument,
        "notes": list(run.notes),
        "remark": run.remark,
        "labels": run.labels,
        "confirmed": run.confirmed,
        "added": run.added,
        "answers": library.answers(run.id),
    }
    return entry if reason is None else entry | {"not_among_runs": reason}


def _file_names(runs: Sequence[StoredRun]) -> dict[int, str]:
    """Return a name for the file of each run that egams takes for a run's, no two alike."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for run in runs:
        name = "".join("_" if letter in '/\\:*?"<>|' else letter for letter in run.name)
        name = name.strip(" .")[:LONGEST_NAME] or "run"
        name = f"run {name}" if is_about_runs(f"{name}.csv") else name
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{name} ({number})"
        taken.add(free.casefold())
        names[run.id] = free
    return names


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
