"""Checks on the first bytes of a text table: is it one, and with which columns."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence

from egams.errors import InputError

HEAD = 64 * 1024
"""The first line of a table must end within this many bytes."""

_OTHER_NAMES = {
    "time": {"seconds", "timestamp", "elapsed"},
    "temp": {"temperature", "degc", "oven", "celsius"},
    "m/z": {"mz", "mass", "amu", "masscharge", "mtoz"},
    "abundance": {"intensity", "counts", "signal", "current", "ioncurrent", "cps"},
    "sample_id": {"id", "sample", "run", "runid"},
    "instrument_type": {"instrument"},
}
_MAGIC = {
    b"PK\x03\x04": ("a zip archive", "Rename it to end in .zip."),
    b"\x1f\x8b": ("gzip data", "Rename it to end in .csv.gz."),
    b"PAR1": ("a Parquet file", "Rename it to end in .parquet."),
}
_HEADER_EXAMPLE = "UTF-8 text with a header and commas between columns"


def check_begins(head: bytes, file: str) -> None:
    """Refuse bytes that cannot be the start of any run, before the rest is read.

    Parameters
    ----------
    head
        The first `HEAD` bytes, or all there are.
    file
        What to call the file in messages.

    Raises
    ------
    InputError
        If there is nothing, or a line without end.
    """
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InputError("the file is empty", file=file, expected=_HEADER_EXAMPLE)
    if (
        len(head) >= HEAD
        and not head.startswith((b"PK", b"CDF", b"<"))
        and not {10, 13}.intersection(head)
    ):
        raise InputError(
            f"the first line does not end within {HEAD} bytes",
            file=file,
            row=1,
            expected=_HEADER_EXAMPLE,
        )


def refuse_packed(head: bytes, file: str) -> None:
    """Refuse what the name of the file should have said.

    Parameters
    ----------
    head
        The first bytes.
    file
        What to call the file in messages.

    Raises
    ------
    InputError
        If it is a packed file or a Parquet file; says how to rename it.
    """
    for magic, (what, hint) in _MAGIC.items():
        if head.startswith(magic):
            raise InputError(f"holds {what}", file=file, expected=_HEADER_EXAMPLE, hint=hint)


def check_head(head: bytes, file: str) -> None:
    """Refuse bytes that cannot be the start of a CSV, before the rest is read.

    Parameters
    ----------
    head
        The first `HEAD` bytes, or all there are.
    file
        What to call the file in messages.

    Raises
    ------
    InputError
        If there is nothing, or UTF-16, binary data or a line without end.
    """
    check_begins(head, file)
    refuse_packed(head, file)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _every_other_is_nul(head):
        raise InputError(
            "the text looks like UTF-16",
            file=file,
            expected="UTF-8",
            hint="Save it again as 'CSV UTF-8'.",
        )
    line = head.splitlines()[0]
    if b"\0" in head or not _decodes(line):
        raise InputError("holds binary data", file=file, expected=_HEADER_EXAMPLE)


def _every_other_is_nul(head: bytes) -> bool:
    sample = head[:64]
    return len(sample) >= 4 and max(sample[::2].count(0), sample[1::2].count(0)) > len(sample) / 3


def _decodes(line: bytes) -> bool:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return text.replace("\t", "").isprintable()


def parse_header(head: bytes, required: Sequence[str], file: str) -> list[str]:
    """Return the column names of the first line, all required ones among them.

    Raises
    ------
    InputError
        As `check_names`.
    """
    line = head.splitlines()[0].decode("utf-8-sig")
    names = [name.strip() for name in next(csv.reader([line]), [])]
    check_names(names, required, file)
    return names


def check_names(names: Sequence[str], required: Sequence[str], file: str, row: int = 1) -> None:
    """See that a header holds all required columns, each once.

    Parameters
    ----------
    names
        The columns.
    required
        Those that must be there.
    file
        What to call the file in messages.
    row
        Line of the header.

    Raises
    ------
    InputError
        If a required column is missing or there twice; names the column that resembles it.
    """
    missing = [column for column in required if column not in names]
    if missing:
        raise _missing_column(missing, names, required, file, row)
    for column in required:
        if names.count(column) > 1:
            raise InputError(
                "is in the header twice", file=file, row=row, column=column, expected="it once"
            )


def missing_column(
    missing: Sequence[str], names: Sequence[str], required: Sequence[str]
) -> tuple[str, str, str | None]:
    """Return problem, expectation and hint for columns that are not there."""
    near = {column: _nearest(column, [n for n in names if n not in required]) for column in missing}
    renames = [f"'{name}' to '{column}'" for column, name in near.items() if name]
    problem = "no such column" if len(missing) == 1 else f"no columns {', '.join(missing)}"
    found = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    hint = f"Rename {' and '.join(renames)}." if renames else f"Its columns are: {found}."
    return problem, f"columns {', '.join(required)}", hint


def _missing_column(
    missing: Sequence[str], names: Sequence[str], required: Sequence[str], file: str, row: int
) -> InputError:
    problem, expected, hint = missing_column(missing, names, required)
    if names and all(_is_number(name) for name in names):
        problem = "no header: the first line holds numbers"
        hint = f"Put the line '{','.join(required)}' on top."
        return InputError(problem, file=file, row=row, expected=expected, hint=hint)
    return InputError(problem, file=file, row=row, column=missing[0], expected=expected, hint=hint)


def _nearest(column: str, names: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in names}
    others = _OTHER_NAMES.get(column, set())
    for short, name in plain.items():
        words = set(_plain(name, keep=" ").split())
        if short == _plain(column) or short in others or words & (others | {_plain(column)}):
            return name
    near = difflib.get_close_matches(_plain(column), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def _plain(name: str, keep: str = "") -> str:
    """Lower case, letters only; with ``keep=" "`` other characters part words."""
    return "".join(c if c.isalnum() else keep for c in name.lower())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
