"""Runs that are in memory already, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from egams.errors import InputError
from egams.io.annotations import Annotations
from egams.io.source import IndexedSource
from egams.run import INFERRED, Run


@dataclass(frozen=True)
class MemorySource(IndexedSource[Run]):
    """Runs in memory; metadata and labels take precedence over their own."""

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If the run is unknown.
        """
        run = self.find(run_id)
        labels = self.annotations.labels.get(run_id, run.labels)
        instrument = self.annotations.instrument_of(run_id) or run.instrument
        if labels is run.labels and instrument == run.instrument:
            return run
        notes = run.notes
        if instrument != run.instrument:  # what was inferred is wrong
            notes = tuple(note for note in notes if not note.startswith(INFERRED))
        return replace(run, labels=labels, instrument=instrument, notes=notes)

    def fingerprint(self, run_id: str) -> str:
        """Return a hash of all values of the run."""
        run = self.load(run_id)
        digest = hashlib.blake2b(run.instrument.encode(), digest_size=16)
        for values in (run.temperature, run.mz, run.abundance, run.time, run.labels):
            shape = None if values is None else values.shape
            digest.update(str(shape).encode())
            if values is not None:
                digest.update(values.tobytes())
        return digest.hexdigest()


def open_memory(runs: Iterable[Run], annotations: Annotations, split: str | None) -> MemorySource:
    """Hold runs as a source.

    Raises
    ------
    InputError
        If there is none, one is no `Run`, or two have the same id.
    """
    by_id: dict[str, Run] = {}
    for run in runs:
        if not isinstance(run, Run):
            raise InputError(f"a {type(run).__name__} among the runs", expected="Run")
        if run.run_id in by_id:
            raise InputError(f"two runs '{run.run_id}'", expected="one run for each run_id")
        by_id[run.run_id] = run
    if not by_id:
        raise InputError("no runs", expected="at least one Run")
    return MemorySource("runs in memory", by_id, annotations, annotations.select(by_id, split))
