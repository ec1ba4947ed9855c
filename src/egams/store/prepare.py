"""`prepare`: runs from anywhere into a store, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from egams.artifact import move_over, refuse_to_replace, remove
from egams.errors import InputError
from egams.io import RunSource, SkippedRun, open_source
from egams.io.sniff import Runs
from egams.io.source import refuse_unread_labels
from egams.lock import alone_on
from egams.memory import CELL, budget
from egams.pool import in_order
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.processes import processes
from egams.run import Run
from egams.store.journal import Journal, Outcome
from egams.store.manifest import StoreManifest
from egams.store.run_store import RunStore, to_block

RUNS_PER_TASK = 16
"""Enough traces to fill a vector unit in the baseline fit, few enough for a laptop's memory."""

Progress = Callable[[int, int], None]


def prepare(
    runs: Runs,
    output: str | Path | None = None,
    *,
    jobs: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> RunStore:
    """Prepare runs and keep them in a store.

    A `prepare` that was killed continues where it stopped when it is called again with the same
    output, and ends with the same bytes as one that was not.

    Parameters
    ----------
    runs
        A path, a source or reader (`egams.read`), or runs in memory.
    output
        Folder of the store; None keeps it in memory.
    jobs
        Processes; None takes one for each core.
    strict
        Raise at the first run that cannot be used, instead of listing it in `RunStore.skipped`.
    progress
        Called with (runs done, runs in all).

    Raises
    ------
    InputError
        If no run can be used, or one cannot and `strict` is set; or labels that lie beside the
        data cannot be read.
    ConfigError
        If `jobs` is below 1, or several cannot be started: see `egams.processes`.
    ArtifactError
        If something other than a store stands at `output`: it is never replaced; or another
        process prepares into it.
    """
    source = open_source(runs)
    refuse_unread_labels(source)
    if output is not None:
        folder, count = Path(output).resolve(), _processes(source, jobs)
        refuse_to_replace(folder, StoreManifest.kind)
        with alone_on(folder):
            return _to_folder(source, folder, count, strict, progress)
    for store in prepare_in_parts(source, None, jobs=jobs, strict=strict, progress=progress):
        if len(store):
            return store
        _refuse_none_used(store.skipped, source.name)
    raise InputError(f"{source.name}: holds no runs")


def prepare_in_parts(
    runs: Runs,
    runs_in_part: int | None,
    *,
    jobs: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Iterator[RunStore]:
    """Prepare runs as stores in memory of at most `runs_in_part` runs, skipped ones counted.

    Memory does not grow with the number of runs. None makes one part of all.
    """
    source = open_source(runs)
    outcomes = _outcomes(source, source.ids, _processes(source, jobs))
    reported = _report(outcomes, strict, progress, 0, source)
    while part := list(islice(reported, runs_in_part)):
        yield _in_memory(part)


def _processes(source: RunSource, jobs: int | None) -> int:
    return processes(jobs, -(-len(source.ids) // RUNS_PER_TASK))


def _outcomes(source: RunSource, ids: Sequence[str], jobs: int) -> Iterator[Outcome]:
    """Prepare runs in their order, a task of `RUNS_PER_TASK` at a time."""
    tasks = [ids[start : start + RUNS_PER_TASK] for start in range(0, len(ids), RUNS_PER_TASK)]
    if jobs == 1 or len(tasks) < 2:
        for task in tasks:
            yield from _prepare_task(source, task)
        return
    parts = (source.only(task) for task in tasks)
    for outcomes in in_order(_prepare_in_worker, parts, min(jobs, len(tasks))):
        yield from outcomes


def _prepare_in_worker(source: RunSource) -> list[Outcome]:
    import pyarrow as pa

    pa.set_cpu_count(1)
    return _prepare_task(source, source.ids)


def _prepare_task(source: RunSource, ids: Sequence[str]) -> list[Outcome]:
    fingerprints = [source.fingerprint(run_id) for run_id in ids]
    outcomes = []
    for run_id, fingerprint, result in zip(ids, fingerprints, _prepared(source, ids), strict=True):
        if isinstance(result, InputError):
            outcomes.append(Outcome(run_id, fingerprint, None, str(result)))
        else:
            outcomes.append(Outcome(run_id, fingerprint, to_block(result)))
    return outcomes


def _prepared(source: RunSource, ids: Sequence[str]) -> Iterator[PreparedRun | InputError]:
    """Prepare runs in their order, together as far as they fit into memory."""
    loaded: list[Run | InputError] = []
    cells = 0
    for run_id in ids:
        try:
            loaded.append(source.load(run_id))
        except InputError as error:
            loaded.append(error)
        cells += loaded[-1].abundance.size if isinstance(loaded[-1], Run) else 0
        if cells * CELL > budget() // 2:
            yield from _together(loaded)
            loaded, cells = [], 0
    yield from _together(loaded)


def _together(loaded: Sequence[Run | InputError]) -> Iterator[PreparedRun | InputError]:
    prepared = iter(prepare_runs([entry for entry in loaded if isinstance(entry, Run)]))
    for entry in loaded:
        yield next(prepared) if isinstance(entry, Run) else entry


def _report(
    outcomes: Iterable[Outcome],
    strict: bool,
    progress: Progress | None,
    done: int,
    source: RunSource,
) -> Iterator[Outcome]:
    """Pass outcomes on; stop at the first bad run when strict."""
    for outcome in outcomes:
        if strict and outcome.reason is not None:
            raise InputError(outcome.reason.rstrip("."))
        done += 1
        if progress is not None:
            progress(done, len(source.ids))
        yield outcome


def _refuse_none_used(skipped: Sequence[SkippedRun], name: str) -> None:
    first = f": {skipped[0].reason.rstrip('.')}" if skipped else ""
    raise InputError(f"{name}: none of its {len(skipped)} runs can be used{first}")


def _in_memory(outcomes: Sequence[Outcome]) -> RunStore:
    blocks = [outcome.block for outcome in outcomes if outcome.block is not None]
    data = np.frombuffer(b"".join(block.data for block in blocks), np.uint8)
    skipped = [
        SkippedRun(outcome.run_id, outcome.reason)
        for outcome in outcomes
        if outcome.reason is not None
    ]
    return RunStore(StoreManifest.of([block.entry for block in blocks], skipped, data), data)


def _to_folder(
    source: RunSource, output: Path, jobs: int, strict: bool, progress: Progress | None
) -> RunStore:
    partial = output.with_name(f"{output.name}.partial")
    journal = Journal(partial)
    done = journal.recover(source)
    reasons = [line.reason for line in done if line.reason]
    if strict and reasons:
        raise InputError(reasons[0].rstrip("."))
    if progress is not None and done:
        progress(len(done), len(source.ids))
    fresh = _outcomes(source, source.ids[len(done) :], jobs)
    done += journal.append(_report(fresh, strict, progress, len(done), source))
    used = [line.entry for line in done if line.entry is not None]
    skipped = [SkippedRun(line.run_id, line.reason) for line in done if line.reason]
    if not used:
        remove(partial)
        _refuse_none_used(skipped, source.name)
    data = np.memmap(journal.data, dtype=np.uint8, mode="r")
    StoreManifest.of(used, skipped, data).save(partial)
    journal.lines.unlink()
    RunStore.open(partial).refuse_damaged()
    move_over(partial, output)
    return RunStore.open(output)
