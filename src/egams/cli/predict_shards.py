"""`egams predict --runs-per-shard`: predictions of very many runs, in a folder of shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from egams.io import RunReader, SkippedRun


def predict_into_shards(
    bundle: Path | None, reader: RunReader, folder: Path, settings: dict[str, Any]
) -> int:
    """Predict, print what became of the runs, and return how many were skipped.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    reader
        The runs.
    folder
        Where to write.
    settings
        As `egams.predict_shards` takes them.
    """
    from egams.cli.show import RUNS_SHOWN, progress_bar, say
    from egams.ensemble.shards import SHARDS, predict_shards, read_shards

    with progress_bar("predicting") as progress:
        predict_shards(bundle, reader, folder, progress=progress, **settings)
    used = flagged = 0
    skipped: list[SkippedRun] = []
    for predictions in read_shards(folder):
        used += len(predictions)
        flagged += sum(bool(run.flags) for run in predictions)
        skipped += predictions.skipped
    say(f"{used} runs used, {len(skipped)} skipped, {flagged} flagged as unlike the training runs")
    for entry in skipped[:RUNS_SHOWN]:
        say(f"  skipped {entry.run_id}: {entry.reason}")
    if len(skipped) > RUNS_SHOWN:
        say(f"  and {len(skipped) - RUNS_SHOWN} more: the column 'skipped' lists all")
    say(f"predictions in {folder / SHARDS}")
    return len(skipped)
