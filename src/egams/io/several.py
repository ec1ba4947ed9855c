"""`SeveralSource`: the runs of several inputs as one, each once and under a name of its own."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from egams.errors import InputError
from egams.io.annotations import Annotations
from egams.io.blob import FileBlob
from egams.io.sheets import SheetBlob
from egams.io.source import IndexedSource, RunSource
from egams.run import Run

Part = tuple[RunSource, str] | InputError
"""Where a run is and what it is called there; or why its input could not be opened."""


@dataclass(frozen=True)
class SeveralSource(IndexedSource[Part]):
    """Runs of several inputs; one that could not be opened is listed like a run."""

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If it is unknown or cannot be used.
        """
        source, own = self._part(run_id)
        run = source.load(own)
        return run if own == run_id else replace(run, run_id=run_id)

    def fingerprint(self, run_id: str) -> str:
        """Return a string that changes with the run."""
        if isinstance(self.find(run_id), InputError):
            return "refused"
        source, own = self._part(run_id)
        return source.fingerprint(own)

    def only(self, ids: Sequence[str]) -> SeveralSource:
        """Return a source of some of its runs, in this order."""
        found = {i: self.index[i] for i in ids if i in self.index}
        wanted: dict[int, list[str]] = defaultdict(list)
        for part in found.values():
            if not isinstance(part, InputError):
                wanted[id(part[0])].append(part[1])
        smaller = {
            id(part[0]): part[0].only(wanted[id(part[0])])
            for part in found.values()
            if not isinstance(part, InputError)
        }
        index = {
            i: part if isinstance(part, InputError) else (smaller[id(part[0])], part[1])
            for i, part in found.items()
        }
        return replace(self, index=index, ids=tuple(ids))

    def _part(self, run_id: str) -> tuple[RunSource, str]:
        part = self.find(run_id)
        if isinstance(part, InputError):
            raise part
        return part


def open_several(paths: Iterable[Path], open_one: Callable[[Path], RunSource]) -> SeveralSource:
    """Open several inputs as one source.

    A file that is given twice is one run. A run id that several inputs have is preceded by the name
    of its input: ``monday/S0001`` and ``tuesday/S0001``.

    Parameters
    ----------
    paths
        The inputs.
    open_one
        Opens one.

    Raises
    ------
    InputError
        If none can be opened.
    """
    inputs = list(dict.fromkeys(paths))
    found: dict[str, tuple[str, str, Part]] = {}
    passed_over: list[str] = []
    unread: list[InputError] = []
    for path in inputs:
        name = str(path)
        try:
            source = open_one(path)
        except InputError as error:
            found[name] = (name, name, error)
            continue
        if isinstance(source, IndexedSource):
            passed_over += source.passed_over
            unread += source.annotations.unread
        for run_id in source.ids:
            found.setdefault(_place(source, run_id), (name, run_id, (source, run_id)))
    parts = [part for _, _, part in found.values()]
    errors = [part for part in parts if isinstance(part, InputError)]
    if len(errors) == len(parts):
        raise errors[0] if errors else InputError("no runs", expected="at least one input")
    many = {run_id for run_id, n in Counter(i for _, i, _ in found.values()).items() if n > 1}
    index: dict[str, Part] = {}
    for name, run_id, part in found.values():
        called = run_id
        if run_id in many and not isinstance(part, InputError):
            called = name if Path(name).is_file() and len(part[0].ids) == 1 else f"{name}/{run_id}"
        if called in index:
            raise InputError(f"two runs '{called}'", expected="run ids that differ between inputs")
        index[called] = part
    shown = f"{len(inputs)} inputs"
    known = Annotations(unread=tuple(unread))
    return SeveralSource(shown, index, known, tuple(index), tuple(passed_over))


def _place(source: RunSource, run_id: str) -> str:
    """Return what is the same for one run found in two ways."""
    entry = source.find(run_id) if isinstance(source, IndexedSource) else None
    file = entry.book if isinstance(entry, SheetBlob) else entry
    if isinstance(file, FileBlob):
        path = os.path.realpath(file.path)
        return f"{path}/{entry.sheet}" if isinstance(entry, SheetBlob) else path
    return f"{os.path.realpath(source.name)}: {run_id}"
