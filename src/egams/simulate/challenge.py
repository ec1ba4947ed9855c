"""Simulated runs as the files of the challenge: archives, metadata, labels, submission format."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from egams.artifact import written_whole
from egams.errors import ConfigError, InputError
from egams.families import FAMILIES
from egams.run import Run
from egams.run_csv import run_to_csv
from egams.simulate.config import SimulationConfig
from egams.simulate.runs import simulate_runs

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_EPOCH = (2022, 1, 1, 0, 0, 0)  # one date for every zip member, so that a seed gives the same bytes
_METADATA = ("sample_id", "split", "instrument_type", "features_path", "features_md5_hash")


def write_challenge(
    folder: str | Path,
    splits: Mapping[Split, Iterable[Run]],
    *,
    zipped: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write runs in the layout of the challenge.

    ``metadata.csv``, ``train_labels.csv``, ``submission_format.csv`` (0.5 for every val and test
    run), and for each split ``<split>_features.zip`` or the folder ``<split>_features``, with
    members ``<split>_features/<run_id>.csv``. Labels of val and test runs go to
    ``truth/<split>_labels_truth.csv``, where nothing takes them for the challenge's.

    Every file is whole or not there; ``metadata.csv`` comes last, so a folder that has one is
    complete. The same runs give the same bytes.

    Parameters
    ----------
    folder
        Created where missing.
    splits
        Runs of each split, consumed one by one; a split that is not there is left out.
    zipped
        Write an archive for each split instead of a folder.
    progress
        Called with the number of runs written so far, after each.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    InputError
        If `folder` already holds a ``metadata.csv``, or a run has no labels or no time.
    """
    folder = Path(folder)
    if (folder / "metadata.csv").exists():
        raise InputError(
            "the folder already holds a challenge",
            file=folder / "metadata.csv",
            expected="a new or empty folder",
            hint="Choose another folder, or remove this one first",
        )
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    metadata: list[list[object]] = []
    labels: dict[Split, list[list[object]]] = {}
    for split in SPLITS:
        if split not in splits:
            continue
        labels[split] = []
        with _feature_files(folder, split, zipped=zipped) as write:
            for run in splits[split]:
                labels[split].append([run.run_id, *_label_row(run)])
                path, content = f"{split}_features/{run.run_id}.csv", run_to_csv(run)
                write(path, content)
                md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
                metadata.append([run.run_id, split, run.instrument, path, md5])
                if progress is not None:
                    progress(len(metadata))
    header = ("sample_id", *FAMILIES)
    unseen = [split for split in labels if split != "train"]
    _write_rows(folder / "train_labels.csv", header, labels.get("train", []))
    for split in unseen:
        _write_rows(folder / "truth" / f"{split}_labels_truth.csv", header, labels[split])
    guess = [[row[0], *[0.5] * len(FAMILIES)] for split in unseen for row in labels[split]]
    _write_rows(folder / "submission_format.csv", header, guess)
    _write_rows(folder / "metadata.csv", _METADATA, metadata)
    return folder


def simulate_challenge(
    folder: str | Path,
    n_train: int,
    n_val: int,
    n_test: int,
    rng: np.random.Generator,
    *,
    config: SimulationConfig | None = None,
    zipped: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Simulate a whole challenge and write it with `write_challenge`.

    As in the real one, SAM-testbed runs are in the train and test splits only, and run numbers
    go on from split to split.

    Parameters
    ----------
    folder
        Created where missing.
    n_train, n_val, n_test
        Runs of each split.
    rng
        The same seed gives the same bytes; each split has its own children of it.
    config
        Settings of the simulator; None for the defaults.
    zipped, progress
        As for `write_challenge`.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    ConfigError
        If a number of runs is negative.
    InputError
        If `folder` already holds a ``metadata.csv``.
    """
    sizes = (n_train, n_val, n_test)
    if min(sizes) < 0:
        raise ConfigError(f"n_train, n_val, n_test are {sizes}; expected 0 or more runs each.")
    config = config or SimulationConfig()
    commercial = replace(config, sam_share=0.0)
    train, val, test = rng.spawn(3)
    return write_challenge(
        folder,
        {
            "train": simulate_runs(n_train, train, config=config),
            "val": simulate_runs(n_val, val, config=commercial, first=n_train),
            "test": simulate_runs(n_test, test, config=config, first=n_train + n_val),
        },
        zipped=zipped,
        progress=progress,
    )


@contextmanager
def _feature_files(
    folder: Path, split: Split, *, zipped: bool
) -> Iterator[Callable[[str, bytes], None]]:
    """Yield what writes a CSV of a split to its path, in an archive or a folder."""
    if not zipped:
        (folder / f"{split}_features").mkdir(exist_ok=True)
        yield lambda path, content: _write_bytes(folder / path, content)
        return
    with (
        written_whole(folder / f"{split}_features.zip") as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
    ):
        # Level 1: the files are mostly digits, and higher levels gain little for their time.
        yield lambda path, content: archive.writestr(
            zipfile.ZipInfo(path, date_time=_EPOCH), content, zipfile.ZIP_DEFLATED, compresslevel=1
        )


def _label_row(run: Run) -> list[int]:
    if run.labels is None:
        raise InputError(f"run '{run.run_id}' has no labels", expected="0 or 1 for each family")
    return [int(label) for label in run.labels]


def _write_rows(path: Path, header: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    _write_bytes(path, text.getvalue().encode())


def _write_bytes(path: Path, content: bytes) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
