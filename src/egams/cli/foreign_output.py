"""Outputs that would be written over an input, or over what egams did not make."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from egams.errors import ConfigError
from egams.families import FAMILIES

ID = "sample_id"
OUT_OF_FOLD = {"experiment", "fold", "label", "probability"}
EXPLAINED = {"run_id", "families"}
SHEETS = ("probabilities", "details", "notes", "skipped")
ENDS = 4096
"""Bytes at either end of a picture, one of which names its maker."""
LOOKED_AT = 50
"""Rows of a table."""


def refuse_foreign(output: Path | None, inputs: Iterable[Path | None], *, force: bool) -> None:
    """See that a file may be written where it is to go.

    Parameters
    ----------
    output
        File to write; a link stands for what it leads to.
    inputs
        Files that are read, and folders of such.
    force
        Whether a file that egams did not make may be replaced. An input may never.

    Raises
    ------
    ConfigError
        If the output is an input, is no regular file, or was not made by egams.
    """
    if output is None or not output.exists():
        return
    if not output.is_file():
        what = "a folder" if output.is_dir() else "no regular file"
        raise ConfigError(f"{output}: is {what}; expected the name of a file to write.")
    if any(output.samefile(each) for each in _files(inputs)):
        raise ConfigError(f"{output}: is an input; expected another name to write to.")
    if not force and not _is_ours(output):
        raise ConfigError(
            f"{output}: is there already, and egams did not make it. Choose another name, or "
            "replace it with --force."
        )


def _files(inputs: Iterable[Path | None]) -> Iterator[Path]:
    for given in inputs:
        if given is not None and given.is_dir():
            yield from (path for path in given.rglob("*") if path.is_file())
        elif given is not None and given.exists():
            yield given


def _is_ours(path: Path) -> bool:
    """Whether what is in a file looks as egams writes it."""
    look = _LOOKS.get(path.suffix.lower())
    with suppress(OSError, ValueError, RecursionError, LookupError, zipfile.BadZipFile):
        return path.stat().st_size == 0 or (look is not None and look(path))
    return False


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = islice(csv.reader(file), LOOKED_AT)
    if tuple(header) != (ID, *FAMILIES):
        return {ID, "onset_degC", "maximum_degC"} <= set(header) or set(header) >= OUT_OF_FOLD
    cells = [cell for row in rows for cell in row[1:]]
    # Labels have the same columns, and are 0 or 1.
    return all(set(cell) & set(".e") for cell in cells) and bool({*map(float, cells)} - {0.0, 1.0})


def _is_json(path: Path) -> bool:
    content = json.loads(path.read_bytes())
    return isinstance(content, dict) and (
        {"runs", "skipped"} <= set(content) or set(content) >= EXPLAINED
    )


def _is_parquet(path: Path) -> bool:
    from pyarrow import parquet

    names = set(parquet.read_schema(path).names)
    return {ID, *FAMILIES, "skipped"} <= names or names >= OUT_OF_FOLD


def _is_workbook(path: Path) -> bool:
    with zipfile.ZipFile(path) as opened:
        text = opened.read("xl/workbook.xml")
    return all(f'"{sheet}"'.encode() in text for sheet in SHEETS)


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(ENDS)
        file.seek(max(0, path.stat().st_size - ENDS))
        return b"egams" in head or b"egams" in file.read()


_LOOKS = {
    ".csv": _is_table,
    ".json": _is_json,
    ".parquet": _is_parquet,
    ".xlsx": _is_workbook,
    **dict.fromkeys((".png", ".svg", ".pdf"), _is_picture),
}
