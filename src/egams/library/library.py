"""`Library`: a laboratory's runs, and what is known of them, in one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from egams.errors import InputError
from egams.families import FAMILIES
from egams.library.bundles import Bundles
from egams.library.files import OpenedFile, content_of
from egams.library.reading import Reading
from egams.library.records import StoredRun, Work
from egams.run import Run

PLACE = "EGAMS_LIBRARY"
"""The variable that says where the library is, where nothing else does."""


def usual_place() -> Path:
    """Return where the library of this user is, unless told otherwise."""
    if named := os.environ.get(PLACE):
        return Path(named)
    from egams.extras import load

    place: Path = load("platformdirs").user_data_path("egams") / "library.db"
    return place


class Library(Bundles):
    """A library of runs, answers, remarks and labels; several threads and processes may use it.

    Examples
    --------
    >>> with Library.open("lab.db") as library:    # doctest: +SKIP
    ...     found, total = library.runs(search="basalt")
    ...     run = library.load(found[0].id)
    """

    def opened(self, work: Work) -> OpenedFile:
        """Open the file of a work as its settings state.

        Parameters
        ----------
        work
            That has a file.

        Raises
        ------
        InputError
            If the file cannot be read so, or the work has none.
        """
        if work.file is None:
            raise InputError(f"'{work.name}' has no file")
        return self._opened(work.file, work.name, Reading.of(work.settings.get("reading")))

    def content(self, sha256: str) -> bytes:
        """Return the bytes of a file.

        Parameters
        ----------
        sha256
            Of the content.

        Raises
        ------
        ArtifactError
            If it is not there or damaged.
        """
        with self.reading() as db:
            return content_of(db, sha256, self.path)

    def load(self, id: int) -> Run:
        """Read one run from its file, under its name in the library, with its labels.

        Parameters
        ----------
        id
            Of the run.

        Raises
        ------
        InputError
            If there is none of this number, or it can no longer be read.
        """
        stored = self.run(id)
        return loaded(stored, self._opened_of(stored))

    def source(self, ids: Sequence[int] | None = None, labelled: bool = False) -> LibrarySource:
        """Return runs as a source, under their names in the library, with their labels.

        Parameters
        ----------
        ids
            Which; all if None.
        labelled
            Only those whose labels a person confirmed.

        Raises
        ------
        InputError
            If there are none.
        """
        if ids is None:
            runs, _ = self.runs(labelled=True if labelled else None, limit=-1)
        else:
            runs = [self.run(id) for id in ids]
            runs = [run for run in runs if run.labels is not None or not labelled]
        if not runs:
            what = "no runs whose labels are confirmed" if labelled else "no runs"
            raise InputError(f"holds {what}", file=self.path)
        kept = {run.name: replace(run, prediction=None, facts={}) for run in runs}
        return LibrarySource(self.path, kept, tuple(kept))

    def export(self, path: str | Path) -> int:
        """Write all of the library as a zip.

        ``runs/`` holds each run in the challenge's layout, with ``metadata.csv`` and ``labels.csv``
        of them: `egams.read` takes the zip, and what is unpacked of it. ``files/`` holds the files
        as they came, by SHA-256; ``library.json`` their names, how they are read, remarks, labels
        and answers.

        Parameters
        ----------
        path
            File to write.

        Returns
        -------
        int
            How many runs there are.
        """
        from egams.library.export import export

        return export(self, Path(path))

    def _opened_of(self, run: StoredRun) -> OpenedFile:
        return self._opened(run.file, run.file_name, Reading.of(run.reading))

    def _opened(self, sha256: str, name: str, reading: Reading) -> OpenedFile:
        curve = None if reading.temperature is None else self.content(reading.temperature)
        return reading.opened(self.content(sha256), name, curve)


@dataclass(frozen=True)
class LibrarySource:
    """Runs of a library, loaded one at a time; picklable.

    Parameters
    ----------
    path
        Of the library.
    index
        The runs by name.
    ids
        Names of the runs to go through, in order.
    """

    path: Path
    index: dict[str, StoredRun] = field(repr=False)
    ids: tuple[str, ...]
    _last: dict[str, OpenedFile] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Path of the library."""
        return str(self.path)

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If it is unknown or can no longer be read.
        """
        stored = self._find(run_id)
        key = f"{stored.file} {Reading.of(stored.reading).text()}"
        opened = self._last.get(key)
        if opened is None:
            with Library(self.path) as library:
                opened = library._opened_of(stored)
            self._last.clear()  # runs of one file follow one another
            self._last[key] = opened
        return loaded(stored, opened)

    def fingerprint(self, run_id: str) -> str:
        """Return what changes with the run, its labels or its instrument."""
        stored = self._find(run_id)
        labels = "?" if stored.labels is None else "".join(map(str, stored.labels.values()))
        reading = Reading.of(stored.reading).text()
        return f"{stored.file}-{stored.run_id}-{reading}-{stored.instrument}-{labels}"

    def origin(self, run_id: str) -> tuple[str, str]:
        """Return what the file of a run was called, and the SHA-256 of its content.

        Nobody may open the library itself to read it: its process would lose SQLite's locks with
        that, and another process take the library for unused and remove what is being written.
        """
        stored = self._find(run_id)
        return stored.file_name, stored.file

    def only(self, ids: Sequence[str]) -> LibrarySource:
        """Return a source of some of its runs, in this order."""
        return LibrarySource(self.path, {id: self._find(id) for id in ids}, tuple(ids))

    def _find(self, run_id: str) -> StoredRun:
        if run_id not in self.index:
            raise InputError(f"no run '{run_id}'", file=self.path)
        return self.index[run_id]


def loaded(stored: StoredRun, opened: OpenedFile) -> Run:
    """Return a run as the library knows it.

    Parameters
    ----------
    stored
        What the library knows.
    opened
        Its file.

    Raises
    ------
    InputError
        If it can no longer be read.
    """
    run = opened.load(stored.run_id)
    labels = None
    if stored.labels is not None:
        labels = np.array([stored.labels[family] for family in FAMILIES], np.float32)
    return replace(run, run_id=stored.name, labels=labels)
