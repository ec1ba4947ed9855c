"""`RunSource`: where runs come from; `RunReader`: iterates over one and lists the runs it skips."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

from egams.errors import InputError
from egams.io.annotations import Annotations
from egams.io.heating import heating_of
from egams.io.table import LongTable, run_from_readings
from egams.run import INFERRED, Run

Entry = TypeVar("Entry")


@runtime_checkable
class RunSource(Protocol):
    """Runs by name, loaded one at a time; picklable, so that workers can load for themselves."""

    @property
    def name(self) -> str:
        """What to call the source in messages, usually its path."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Run ids in file order, those of runs that will not load included."""

    def load(self, run_id: str) -> Run:
        """Return the run `run_id`.

        Raises
        ------
        InputError
            If the run is not here or cannot be used.
        """

    def fingerprint(self, run_id: str) -> str:
        """Return a string that changes when the run `run_id`, its labels or instrument change.

        Costs no more than a look at sizes and dates; two equal fingerprints from the same source
        mean that `load` need not be called again.
        """

    def only(self, ids: Sequence[str]) -> RunSource:
        """Return a source of the runs `ids`, in this order: all that a worker need be sent."""


@dataclass(frozen=True)
class IndexedSource(Generic[Entry]):
    """The part of a `RunSource` that is the same for every format.

    Parameters
    ----------
    name
        Path of the file, folder or archive.
    index
        Where each run is, by run id.
    annotations
        Instruments and labels.
    ids
        The runs to go through, in order.
    passed_over
        What else lies in the folder and was not taken for a run.
    """

    name: str
    index: Mapping[str, Entry] = field(repr=False)
    annotations: Annotations = field(repr=False)
    ids: tuple[str, ...]
    passed_over: tuple[str, ...] = ()

    def only(self, ids: Sequence[str]) -> Self:
        """Return a source of some of its runs, in this order."""
        index = {i: self.index[i] for i in ids if i in self.index}
        return replace(self, index=index, annotations=self.annotations.only(ids), ids=tuple(ids))

    def find(self, run_id: str) -> Entry:
        """Return where a run is.

        Raises
        ------
        InputError
            If it is not here.
        """
        if run_id in self.index:
            return self.index[run_id]
        near = difflib.get_close_matches(run_id, self.ids, n=3)
        raise InputError(
            f"no run '{run_id}'",
            file=self.name,
            expected=f"one of its {len(self.ids)} run ids",
            hint=f"Did you mean {', '.join(near)}?" if near else None,
        )

    def make_run(self, run_id: str, table: LongTable) -> Run:
        """Make a run of its table, with what is known of it; its heating, where it was cooled."""
        run = run_from_readings(
            table,
            run_id,
            instrument=self.annotations.instrument_of(run_id),
            labels=self.annotations.labels.get(run_id),
        )
        heated, notes = heating_of(run), self.annotations.notes
        return replace(heated, notes=(*heated.notes, *notes)) if notes else heated


def refuse_unread_labels(source: RunSource) -> None:
    """See that no labels beside the data were left unread; for what is learnt from labels.

    Parameters
    ----------
    source
        The runs.

    Raises
    ------
    InputError
        If some were: why.
    """
    if isinstance(source, IndexedSource):
        source.annotations.refuse_unread()


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
        run = heating_of(self.find(run_id))
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


def open_memory(
    runs: Iterable[object], annotations: Annotations, split: str | None
) -> MemorySource:
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


@dataclass(frozen=True)
class SkippedRun:
    """A run that was not used, by its `run_id`, and the `reason`."""

    run_id: str
    reason: str


@dataclass
class RunReader:
    """Iterate over the runs of a source, holding one of them in memory at a time.

    Parameters
    ----------
    source
        Where the runs come from.
    strict
        Raise at the first bad run instead of listing it in `skipped` and going on.

    Attributes
    ----------
    skipped : list of SkippedRun
        Filled while iterating, emptied when a new iteration starts.

    Raises
    ------
    InputError
        While iterating, if `strict` and a run cannot be used.
    """

    source: RunSource
    strict: bool = False
    skipped: list[SkippedRun] = field(default_factory=list)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What else lies in the folders and was not taken for a run."""
        return self.source.passed_over if isinstance(self.source, IndexedSource) else ()

    def __len__(self) -> int:
        """Return the number of runs in the source, known without loading any."""
        return len(self.source.ids)

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs that can be used, in file order."""
        self.skipped = []
        for run_id in self.source.ids:
            try:
                run = self.source.load(run_id)
            except InputError as error:
                if self.strict:
                    raise
                self.skipped.append(SkippedRun(run_id, str(error)))
                continue
            yield run
            del run  # or it would stay alive while the next one loads
