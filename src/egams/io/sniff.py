"""`open_source` and `read`: pick the reader for a path or for runs in memory."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from egams.errors import InputError
from egams.families import Instrument
from egams.io.annotations import Annotations, annotations_from
from egams.io.blob import Blob, input_errors
from egams.io.challenge import challenge_blobs
from egams.io.csv_source import (
    METADATA,
    SUFFIXES,
    CsvSource,
    by_run_id,
    file_blob,
    folder_blobs,
    is_about_runs,
    is_run_name,
    labels_in,
    zip_blobs,
    zip_others,
)
from egams.io.foreign import Reading
from egams.io.readers import own_suffixes
from egams.io.several import open_several
from egams.io.sheets import records_with_sheets, with_sheets
from egams.io.source import RunReader, RunSource, open_memory
from egams.io.tables.hints import hints_from, hints_in
from egams.io.tables.recording import Curve
from egams.io.tables.temperature import Ramp
from egams.plain import plain_text
from egams.run import Run

Runs = str | Path | Run | RunSource | RunReader | Iterable[Run] | Sequence[str | Path]
"""What `open_source` and `read` take."""
Columns = str | Path | Mapping[str, object] | None
"""What the columns of a table are, stated by hand."""

_FORMATS = f"a folder, or a file that ends in .zip, .parquet, {', '.join(SUFFIXES)}"


def open_source(
    path_or_runs: Runs,
    *,
    instrument: Instrument | None = None,
    metadata: str | Path | None = None,
    labels: str | Path | None = None,
    split: str | None = None,
    verify: bool = False,
    columns: Columns = None,
    temperature: str | Path | Ramp | None = None,
    offset: float | None = None,
) -> RunSource:
    """Open runs for loading one by one.

    Parameters
    ----------
    path_or_runs
        One of: the folder of the challenge (metadata.csv, labels, features in folders or zips); a
        folder or a zip of files of one run each; such a file: a CSV with the columns ``time`` (s),
        ``temp`` (degC), ``m/z`` and ``abundance``, or a long or wide table in any other dialect,
        text or ``.xlsx``, packed with gzip or not; a Parquet file of those and ``sample_id``; a
        list of such paths, see `egams.io.several.open_several`; a `Run` or several; or what an
        earlier call returned, which is passed on as it is.
    instrument
        Kind of instrument of runs that the metadata do not name; else it is inferred from the data.
    metadata
        Table with ``sample_id``, ``instrument_type``, optionally ``split``, ``features_path`` and
        ``features_md5_hash``. Default: ``metadata.csv`` in the folder, or beside a zip or Parquet.
    labels
        Table with ``sample_id`` and a column of 0 and 1 for each family: text with commas,
        semicolons or tabs, or ``.xlsx``. Default: every ``*labels*.csv`` and ``*labels*.xlsx`` in
        the same place; one that cannot be read as labels is named in the notes of the runs. Runs
        it does not name have no labels.
    split
        Only the runs of this split of the metadata.
    verify
        Compare the md5 sum of each CSV with the metadata when it is loaded.
    columns
        What the columns of a table are, where headers do not say it:
        ``"time=Zeit/s, temp=Probe [K], m/z=Masse, Water=18"``, such a mapping, or the path of a
        YAML file of one. Default: ``egams-columns.yaml`` beside the data.
    temperature
        Temperature of the sample, where the files of runs have none: a file with a curve of it over
        time (a thermobalance's, a logger's), or a heating program (`Ramp`).
    offset
        Seconds from the start of the recording to that of the curve or program. Default: from the
        clocks of both files, and 0 for a program.

    Raises
    ------
    InputError
        If there is no such file, it holds no runs, or metadata are wrong, or labels that were
        named.
    """

    def known(beside: Path | None = None) -> Annotations:
        found = None
        if beside is not None and (beside / METADATA).is_file():
            found = beside / METADATA
        named = [Path(labels)] if labels else []
        looks = labels_in(beside) if beside and not labels else []
        return annotations_from(Path(metadata) if metadata else found, named, instrument, looks)

    if paths := _paths(path_or_runs):
        joined = _temperature(temperature)  # read once

        def open_one(path: Path) -> RunSource:
            return _open_path(path, known, split, verify, columns, joined, offset)

        return open_one(paths[0]) if len(paths) == 1 else open_several(paths, open_one)
    if isinstance(path_or_runs, RunSource | RunReader):
        stated = (columns, temperature, offset)
        if any((instrument, metadata, labels, split, verify)) or stated != (None,) * 3:
            raise InputError("options for runs that are open already", expected="a path with them")
        return path_or_runs.source if isinstance(path_or_runs, RunReader) else path_or_runs
    _cannot_verify(verify, "runs in memory")
    _cannot_state("runs in memory", columns, temperature, offset)
    runs = [path_or_runs] if isinstance(path_or_runs, Run | Path) else path_or_runs
    return open_memory(runs, known(), split)


def read(
    path_or_runs: Runs,
    *,
    instrument: Instrument | None = None,
    metadata: str | Path | None = None,
    labels: str | Path | None = None,
    split: str | None = None,
    verify: bool = False,
    strict: bool = False,
    columns: Columns = None,
    temperature: str | Path | Ramp | None = None,
    offset: float | None = None,
) -> RunReader:
    """Iterate over runs, one in memory at a time.

    Parameters
    ----------
    path_or_runs, instrument, metadata, labels, split, verify, columns, temperature, offset
        As for `open_source`.
    strict
        Raise at the first run that cannot be used. Otherwise it is listed in ``skipped`` with the
        reason, and the next one is read.

    Raises
    ------
    InputError
        As `open_source` does; and while iterating, if `strict`.

    Examples
    --------
    >>> reader = read("mars-spectrometry", split="train")    # doctest: +SKIP
    >>> for run in reader:                                   # doctest: +SKIP
    ...     print(run.run_id, run.abundance.shape)
    >>> reader.skipped                                       # doctest: +SKIP
    """
    source = open_source(
        path_or_runs,
        instrument=instrument,
        metadata=metadata,
        labels=labels,
        split=split,
        verify=verify,
        columns=columns,
        temperature=temperature,
        offset=offset,
    )
    return RunReader(source, strict=strict)


_Known = Callable[[Path | None], Annotations]
_Opened = tuple[dict[str, Blob], Annotations]


def _paths(given: Runs) -> list[Path]:
    """Return the paths that are given, none where runs are."""
    if isinstance(given, str | Path):
        return [Path(given)]
    if not isinstance(given, list | tuple):
        return []
    paths = [Path(each) for each in given if isinstance(each, str | Path)]
    if paths and len(paths) < len(given):
        raise InputError("paths and runs in one list", expected="a list of either")
    return paths


def _open_path(
    path: Path,
    known: _Known,
    split: str | None,
    verify: bool,
    columns: Columns,
    temperature: Curve | Ramp | None,
    offset: float | None,
) -> RunSource:
    with input_errors(str(path)):  # a name may be too long, a folder closed
        path.exists()
    if path.name.lower().endswith((".parquet", ".pq")) and path.exists() and not path.is_dir():
        from egams.io.parquet_source import open_parquet

        _cannot_verify(verify, "a Parquet file")
        _cannot_state("a Parquet file", columns, temperature, offset)
        return open_parquet(path, known(path.parent), split)
    blobs, annotations = _open_csvs(path, known)
    if verify and not annotations.records:
        _cannot_verify(verify, f"{path} without metadata")
    if offset is not None and temperature is None:
        raise InputError("an offset but no temperature", expected="a curve or a ramp beside it")
    beside = hints_in(path if path.is_dir() else path.parent)
    reading = Reading(hints_from(columns), beside, temperature, offset)
    blobs = with_sheets(blobs, reading.stated or reading.beside)
    records = records_with_sheets(annotations.records, blobs)
    annotations = replace(annotations, records=records)
    ids = annotations.select(blobs, split)
    others = _passed_over(path, annotations)
    return CsvSource(str(path), blobs, annotations, ids, others, verify, reading)


def _open_csvs(path: Path, known: _Known) -> _Opened:
    """Return where each run is, by run id, and what is known of the runs."""
    if path.is_dir():
        return _open_folder(path, known)
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"Did you mean {path.parent / near[0]}?" if near else None
        raise InputError("there is no such file or folder", file=path, hint=hint)
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    if plain.endswith(SUFFIXES) or plain.endswith(own_suffixes()):
        one = [(plain_text(path.name), file_blob(path))]
        return by_run_id(one, plain_text(str(path))), known(None)
    if name.endswith(".zip"):
        return by_run_id(zip_blobs(path).items(), str(path)), known(path.parent)
    raise InputError("is of no format that egams reads", file=path, expected=_FORMATS)


def _open_folder(path: Path, known: _Known) -> _Opened:
    annotations, runs = known(path), folder_blobs(path)
    if annotations.records and ((path / METADATA).is_file() or not runs):
        return challenge_blobs(path, annotations), annotations
    if not runs:
        raise _no_runs(path)
    return by_run_id(runs.items(), str(path)), annotations


def _no_runs(folder: Path) -> InputError:
    """Return what is in a folder instead of runs."""
    entries = sorted(folder.iterdir())
    named = [p.name for p in entries if p.suffix in (".zip", ".parquet", ".pq") or p.is_dir()]
    return InputError(
        "holds no files of runs and no metadata.csv" if entries else "is an empty folder",
        file=folder,
        expected=f"files that end in {', '.join(SUFFIXES)}",
        hint=f"To read one of these, name it: {_listed(named)}." if named else None,
    )


def _passed_over(path: Path, annotations: Annotations) -> tuple[str, ...]:
    """Return folders and files that are neither runs nor about runs; metadata say which count."""
    if not path.is_dir():
        return zip_others(path) if path.name.lower().endswith(".zip") else ()
    if annotations.records:
        return ()
    return tuple(
        str(entry)
        for entry in sorted(path.iterdir())
        if not is_about_runs(entry.name) and (entry.is_dir() or not is_run_name(entry.name))
    )


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _cannot_state(what: str, *stated: object) -> None:
    if stated != (None,) * len(stated):
        raise InputError(
            f"columns, a temperature or an offset stated for {what}",
            expected="files of one run each with them",
        )


def _temperature(given: str | Path | Ramp | None) -> Curve | Ramp | None:
    if given is None or isinstance(given, Ramp):
        return given
    from egams.io.tables.curve import read_curve

    return read_curve(given)


def _cannot_verify(verify: bool, what: str) -> None:
    if verify:
        raise InputError(
            f"{what} cannot be verified",
            expected="CSVs with the features_md5_hash of metadata.csv",
            hint="Leave verify out, or name the metadata.",
        )
