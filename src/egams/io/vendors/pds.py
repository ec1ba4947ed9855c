"""Tables of NASA's Planetary Data System (PDS3): a detached label names the columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from egams.errors import InputError
from egams.io.blob import FileBlob
from egams.io.tables.dialect import Grid, grid_of_rows, split_line
from egams.io.tables.hints import Hints
from egams.io.vendors.lines import lines_of

SUFFIX = ".tab"
_LINE = re.compile(r"\s*(?P<key>\^?[\w:]+)\s*=\s*(?P<value>.*?)\s*")
_COLUMN = ("COLUMN", "FIELD")
MAX_LABELS = 2000


@dataclass
class Table:
    """A table that a label describes.

    Parameters
    ----------
    kind
        Name of the object, such as ``SPREADSHEET``.
    columns
        ``NAME`` and ``UNIT`` of each, in order.
    """

    kind: str
    columns: list[dict[str, str]] = field(default_factory=list)

    def all(self, key: str) -> list[str]:
        """Return names or units of all columns.

        Parameters
        ----------
        key
            ``NAME`` or ``UNIT``.
        """
        return [column[key] for column in self.columns]


def label_of(path: Path) -> tuple[Path, str] | None:
    """Return the label beside a table that names it, and its text; None if there is none.

    Parameters
    ----------
    path
        The table, ``.TAB``.

    Raises
    ------
    InputError
        If several labels name it.
    """
    if path.suffix.lower() != SUFFIX:
        return None
    beside = sorted(p for p in path.parent.iterdir() if p.suffix.lower() == ".lbl")[:MAX_LABELS]
    own = [p for p in beside if p.stem.lower() == path.stem.lower()]
    found = []
    for label in own or beside:
        text = FileBlob(label).read().decode("latin-1")
        if own or path.name.lower() in text.lower():
            found.append((label, text))
    if len(found) > 1:
        raise InputError(
            f"{len(found)} labels name it: {found[0][0].name}, {found[1][0].name}",
            file=path,
            expected="one",
        )
    return found[0] if found else None


def grid_of_label(data: bytes, file: str, label: tuple[Path, str], name: str, hints: Hints) -> Grid:
    """Return a table with the columns that its label names.

    Parameters
    ----------
    data
        The bytes of the table.
    file
        What to call it in messages.
    label
        Path and text of the label.
    name
        File name of the table, as the label has it.
    hints
        What the user stated about its dialect.

    Raises
    ------
    InputError
        If the label has no table with so many columns, or several.
    """
    rows = [split_line(line, ",") for line in lines_of(data.decode("latin-1"))]
    width = max((len(row) for row in rows[:100]), default=0)
    tables, pointers = tables_of(label[1])
    kind = next((key for key, at in pointers.items() if name.lower() in at.lower()), "")
    fit = [t for t in tables if len(t.columns) == width and (not kind or t.kind == kind)]
    fit = fit or [t for t in tables if len(t.columns) == width]
    if len({(*t.all("NAME"), *t.all("UNIT")) for t in fit}) != 1:
        widths = ", ".join(str(len(t.columns)) for t in tables) or "none"
        raise InputError(
            f"has {width} columns, and its label {label[0].name} has {len(fit)} tables of so many"
            f" (columns of its tables: {widths})",
            file=file,
            expected="one",
        )
    numbers = next((i for i, row in enumerate(rows) if _has_numbers(row)), len(rows))
    named = [*rows[:numbers], fit[0].all("NAME"), *rows[numbers:]]
    grid = grid_of_rows(named, file, separator="commas", decimal=hints.decimal or ".")
    if grid.header_line != numbers + 1:
        raise InputError(
            "its rows do not begin where its header ends",
            file=file,
            row=numbers + 1,
            expected=f"rows of {width} numbers, as {label[0].name} describes",
        )
    lines = [line - 1 for line in grid.lines]
    return replace(grid, names=fit[0].all("NAME"), units=fit[0].all("UNIT"), lines=lines)


def _has_numbers(row: list[str]) -> bool:
    return any(re.fullmatch(r"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?", cell) for cell in row)


def tables_of(text: str) -> tuple[list[Table], dict[str, str]]:
    """Return the tables that a label describes, and its pointers to files by object.

    Parameters
    ----------
    text
        The label.
    """
    tables: list[Table] = []
    pointers: dict[str, str] = {}
    nested: list[str] = []
    column = {"NAME": "", "UNIT": ""}
    for line in lines_of(text):
        match = _LINE.fullmatch(line)
        if not match:
            continue
        key, value = match["key"].upper(), match["value"].strip('"')
        if key.startswith("^"):
            pointers[key[1:]] = value
        elif key == "OBJECT" and value.upper() not in _COLUMN:
            nested.append(value.upper())
            tables.append(Table(value.upper()))
        elif key == "OBJECT":
            around = nested[-1] if nested else ""
            nested.append(value.upper())
            if not tables or tables[-1].kind != around:
                tables.append(Table(around))
            column = {"NAME": "", "UNIT": ""}
            tables[-1].columns.append(column)
        elif key == "END_OBJECT" and nested:
            nested.pop()
        elif nested and nested[-1] in _COLUMN and key in column:
            column[key] = value
    return [table for table in tables if table.columns], pointers
