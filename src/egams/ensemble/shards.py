"""`predict_shards`: predictions of very many runs, a shard at a time, by several processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from egams.artifact import refuse_to_replace, remove_unfinished
from egams.ensemble.bundle import DRAW_SEED, RUNS_IN_PART, SHIPPED, Bundle, load_bundle
from egams.ensemble.bundle_files import BundleManifest
from egams.ensemble.prediction_table import from_table, to_table
from egams.ensemble.predictions import Predictions
from egams.ensemble.shard_records import ShardsManifest, is_done, read_shard, write_shard
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.io import RunSource, open_source
from egams.io.sniff import Runs
from egams.jobs.choose import choose_executor
from egams.jobs.contract import Executor, Job, JobReport, JobState, Stop
from egams.jobs.stopping import StoppedError, never, stop_on_signals
from egams.lock import alone_in
from egams.store.prepare import prepare_in_parts

SHARDS = "shards"
FAILURES_NAMED = 5


@dataclass(frozen=True)
class ShardTask:
    """What there is to know to predict one shard, in any process.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    fingerprint
        Of the bundle.
    source
        The runs of this shard alone.
    output
        Parquet file to write.
    job
        Digest of the manifest of its folder.
    draws, seed, strict, device
        As `egams.ensemble.bundle.Bundle.predict` takes them.
    """

    bundle: Path
    fingerprint: str
    source: RunSource
    output: Path
    job: str
    draws: int
    seed: int
    strict: bool
    device: str

    @property
    def name(self) -> str:
        """Name for people."""
        return self.output.stem


def predict_shards(
    bundle: str | Path | None,
    runs: Runs,
    output: str | Path,
    *,
    runs_per_shard: int = RUNS_IN_PART,
    draws: int | None = None,
    seed: int = DRAW_SEED,
    jobs: int | None = None,
    executor: str | Executor | None = None,
    strict: bool = False,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Predict very many runs into a folder of Parquet files, and return the folder.

    Each shard is written whole by one process, and never again: the same call goes on from where
    it was stopped. Memory depends on `runs_per_shard` and `jobs`, not on the number of runs.
    `read_shards` reads what is written; so does whatever reads Parquet.

    Parameters
    ----------
    bundle
        Folder of a bundle; the shipped one if None.
    runs
        A path, a source or reader, or runs in memory. Shards follow their order.
    output
        Where to write: ``manifest.json``, and ``shards/shard-00000.parquet`` and so on.
    runs_per_shard
        Runs of a shard, those that cannot be used counted.
    draws, seed, strict, device
        As `egams.ensemble.bundle.Bundle.predict` takes them.
    jobs
        Shards at a time, a process each; None takes one for each core.
    executor
        Where: ``"local"``, ``"processes"``, ``"ray"``, or an executor with settings of its own, as
        `egams.training.cross_validation.cross_validate` takes it. Every node must reach bundle,
        runs and output under their names here.
    progress
        Called with (runs done, runs in all).

    Raises
    ------
    ArtifactError
        If the folder holds predictions of other runs, by another bundle or of another size, or
        another process is at work on it.
    ConfigError
        If `runs_per_shard`, `draws` or `jobs` is below 1.
    EgamsError
        If a shard failed; the others are finished and kept.
    StoppedError
        If Ctrl-C or SIGTERM stopped it; the same call goes on.
    """
    # Absolute: a task may run in a process that stands elsewhere.
    place = (SHIPPED if bundle is None else Path(bundle)).resolve()
    folder = Path(output).resolve()
    opened = open_source(_absolute(runs))
    fingerprint = BundleManifest.load(place).digest[:16]
    # Once here, so that a damaged bundle is one error and not one a shard.
    draws = int(_bundle(place, fingerprint).manifest["draws"]) if draws is None else draws
    for name, value in (("runs_per_shard", runs_per_shard), ("draws", draws), ("jobs", jobs)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; expected 1 or more.")
    total = len(opened.ids)
    manifest = ShardsManifest(
        bundle=fingerprint,
        source=_source_fingerprint(opened),
        runs=total,
        runs_per_shard=runs_per_shard,
        draws=draws,
        seed=seed,
    )
    refuse_to_replace(folder, manifest.kind)
    job = manifest.claim(folder).digest
    shards = {
        path: opened.ids[start : start + runs_per_shard]
        for start, path in zip(range(0, total, runs_per_shard), _paths(folder), strict=True)
    }
    tasks = [
        ShardTask(place, fingerprint, opened.only(ids), path, job, draws, seed, strict, device)
        for path, ids in shards.items()
        if not is_done(path, job, ids)
    ]
    done = total - sum(len(task.source.ids) for task in tasks)
    runner = choose_executor(executor, jobs, tasks=len(tasks), device=device)
    _run(runner, tasks, list(shards), folder, done, total, progress or (lambda done, total: None))
    for path in shards:
        remove_unfinished(path)
    return folder


def _run(
    runner: Executor,
    tasks: Sequence[ShardTask],
    shards: Sequence[Path],
    folder: Path,
    done: int,
    total: int,
    show: Callable[[int, int], None],
) -> None:
    """Predict the shards that are left; raises where not all are finished in the end."""
    show(done, total)

    def report(entry: JobReport) -> None:
        nonlocal done
        done += entry.done
        show(done, total)

    work = [Job(task.name, (task,)) for task in tasks]
    with (
        alone_in(folder),
        stop_on_signals() as request,
        closing(runner.run(predict_shard, work, report, request)) as states,
    ):
        failures = [state for state in states if state.state == "failed"]
    if failures:
        raise _failed(failures, len(shards))
    left = sum(not path.is_file() for path in shards)
    if left:
        raise StoppedError(
            f"stopped: {len(shards) - left} of {len(shards)} shards are finished. Give the same "
            "command again to go on.",
            request.signal,
        )


def predict_shard(
    task: ShardTask, *, report: Callable[[JobReport], None] | None = None, stop: Stop = never
) -> None:
    """Predict one shard and write it whole; nothing where it is there already.

    Raises
    ------
    StoppedError
        If `stop` returned true before it began: a shard takes seconds, and is then finished.
    """
    if stop():
        raise StoppedError(f"{task.name} was not begun")
    if is_done(task.output, task.job, task.source.ids):
        return
    bundle = _bundle(task.bundle, task.fingerprint)
    (store,) = prepare_in_parts(task.source, None, jobs=1, strict=task.strict)
    predictions = (
        bundle.predict(store, draws=task.draws, seed=task.seed, device=task.device)
        if len(store)
        else Predictions((), store.skipped)
    )
    table = to_table(predictions, task.source.ids)
    write_shard(task.output, table, task.job, task.source.ids)
    if report is not None:
        report(JobReport(task.name, len(task.source.ids), len(task.source.ids), float("nan")))


def read_shards(folder: str | Path) -> Iterator[Predictions]:
    """Read what `predict_shards` wrote to `folder`, a shard at a time, in the order of the source.

    Raises
    ------
    ArtifactError
        If it is no such folder, a shard is not there yet, or one is damaged or of another job.
    """
    folder = Path(folder)
    paths, job = _paths(folder), ShardsManifest.load(folder).digest
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ArtifactError(
            f"{folder}: {len(missing)} of {len(paths)} shards are not there, the first of them "
            f"{missing[0].name}. Give the command that predicts them again: it goes on."
        )
    return (from_table(read_shard(path, job)) for path in paths)


def _absolute(runs: Runs) -> Runs:
    if isinstance(runs, str | Path):
        return Path(runs).resolve()
    if isinstance(runs, list | tuple) and all(isinstance(each, str | Path) for each in runs):
        return [Path(each).resolve() for each in runs]
    return runs


@lru_cache(maxsize=1)
def _bundle(folder: Path, fingerprint: str) -> Bundle:
    # A process predicts many shards. The fingerprint tells a bundle from one made in its place.
    return load_bundle(folder)


def _source_fingerprint(source: RunSource) -> str:
    digest = hashlib.sha256()
    for run_id in source.ids:
        digest.update(json.dumps([run_id, source.fingerprint(run_id)]).encode())
    return digest.hexdigest()[:16]


def _paths(folder: Path) -> list[Path]:
    count = ShardsManifest.load(folder).shards
    return [folder / SHARDS / f"shard-{number:05d}.parquet" for number in range(count)]


def _failed(failures: list[JobState], shards: int) -> EgamsError:
    lines = [
        f"{len(failures)} of {shards} shards failed; the others are kept. Run the same command to "
        "try them again."
    ]
    lines += [f"  {failure.job}: {failure.reason}" for failure in failures[:FAILURES_NAMED]]
    if len(failures) > FAILURES_NAMED:
        lines.append(f"  and {len(failures) - FAILURES_NAMED} more")
    return EgamsError("\n".join(lines))
