"""How a text is a table: its separator, decimal mark, header, units, and where its rows are."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from egams.errors import InputError
from egams.io.tables.cells import Decimal, decimal_mark, is_missing, is_number
from egams.io.tables.units import unit_named

SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
"""In order of preference where two explain a text equally well."""
DECIMALS: dict[Decimal, str] = {".": "point", ",": "comma"}
COMMENT = ("#", "%", "//", "!", "'")
_NEWLINE = re.compile(r"\r\n|\n|\r")
A_TABLE = 8
"""Rows of numbers that are more than a remark."""
_WINDOWS, _WINDOW = 6, 60
MAX_COLUMNS = 4096
Rows = list[list[str]]


class NoTableError(InputError):
    """A text or a sheet in which nothing is a table of readings."""


@dataclass(frozen=True)
class Grid:
    """A table as text, before anyone knows what its columns are.

    Parameters
    ----------
    file
        What to call the file in messages.
    names, units
        Header of each column, and what a row of units below it has ``[column]``.
    cells
        ``[row][column]``.
    lines
        Line of each row in the file, counted from 1 ``[row]``.
    decimal
        Decimal mark.
    separator
        What stands between columns, in words.
    header_line
        Line of the header.
    preamble
        Lines above the header.
    left_out
        Lines below the table, which are no rows.
    """

    file: str
    names: list[str]
    units: list[str]
    cells: Rows
    lines: list[int]
    decimal: Decimal
    separator: str
    header_line: int
    preamble: list[str]
    left_out: int = 0

    def column(self, index: int) -> list[str]:
        """Return the cells of one column.

        Parameters
        ----------
        index
            Its place.
        """
        return [row[index] for row in self.cells]


def grid_of_text(
    text: str, file: str, *, separator: str | None = None, decimal: Decimal | None = None
) -> Grid:
    """Find the table in a text.

    Parameters
    ----------
    text
        The whole file.
    file
        What to call it in messages.
    separator, decimal
        Where they are known; else found.

    Raises
    ------
    InputError
        If there is no table, or its separator, decimal mark or header cannot be decided.
    """
    lines = _NEWLINE.split(text)
    mark = separator or _separator(lines, file)
    if any(line.count(mark) > MAX_COLUMNS for line in lines if mark != " "):
        raise InputError(f"a line of more than {MAX_COLUMNS} columns", file=file)
    rows = [split_line(line, mark) for line in lines]
    return grid_of_rows(rows, file, separator=SEPARATORS[mark], decimal=decimal)


def split_line(line: str, separator: str) -> list[str]:
    """Return the cells of a line, without blanks around them.

    Parameters
    ----------
    line
        The line.
    separator
        One of `SEPARATORS`; a blank is any number of blanks and tabs.
    """
    if separator == " ":
        # Headers with single blanks in them stand further apart than that.
        wide = re.split(r"\s{2,}|\t", line.strip())
        return wide if len(wide) > 1 and not any(is_number(c) for c in wide) else line.split()
    if '"' in line and len(line) < csv.field_size_limit():
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
        except csv.Error:
            pass
    return [cell.strip() for cell in line.split(separator)]


def grid_of_rows(
    rows: Sequence[list[str]], file: str, *, separator: str, decimal: Decimal | None = None
) -> Grid:
    """Find the table in rows of cells, of which some above and below it are no part.

    Parameters
    ----------
    rows
        Cells of each line of the file.
    file
        What to call it in messages.
    separator
        What stood between the cells, in words.
    decimal
        Decimal mark; found if None.

    Raises
    ------
    InputError
        As `grid_of_text`; a row that is none is named with its line.
    """
    like_rows = [i for i, row in enumerate(rows) if is_row(row)]
    width = Counter(len(_trimmed(rows[i])) for i in like_rows).most_common(1)
    if not width or width[0][0] < 2:
        raise _no_table(file)
    usual = width[0][0]
    first = next(i for i in like_rows if len(_trimmed(rows[i])) == usual)
    if _names_numbers(rows, first, like_rows):
        first = next(i for i in like_rows if i > first)
    names, units, header = _header(rows, first, file)
    _refuse_rows_above(rows, [i for i in like_rows if i < header], usual, file)
    block = range(first, like_rows[-1] + 1)
    kept = [i for i in block if any(rows[i]) and not rows[i][0].startswith(COMMENT)]
    cells = [_as_wide(rows[i], len(names), i + 1, file, last=i == kept[-1]) for i in kept]
    sample = [cell for row in cells[:: max(1, len(cells) // 2000)] for cell in row]
    found = decimal or decimal_mark(sample)
    if found not in DECIMALS:
        raise InputError(
            found, file=file, hint="State it: --columns 'decimal=comma' or 'decimal=point'."
        )
    return Grid(
        file=file,
        names=names,
        units=units,
        cells=cells,
        lines=[i + 1 for i in kept],
        decimal="," if found == "," else ".",
        separator=separator,
        header_line=header + 1,
        preamble=[separator_free(row) for row in rows[:header]],
        left_out=sum(any(row) for row in rows[block.stop :]),
    )


def separator_free(row: Sequence[str]) -> str:
    """Return the cells of a line as one text, tabs between them.

    Parameters
    ----------
    row
        The cells.
    """
    return "\t".join(row).rstrip()


def _no_table(file: str) -> NoTableError:
    return NoTableError(
        "no table found in it",
        file=file,
        expected="a header, and under it rows of numbers in columns",
        hint="docs/formats.md lists what egams reads.",
    )


def _separator(lines: Sequence[str], file: str) -> str:
    """Return what parts the lines into most numbers, looking into a few windows of the file."""
    held = [line for line in lines if line.strip()]
    step = max(_WINDOW, len(held) // _WINDOWS)
    windows = [held[i : i + _WINDOW] for i in range(0, len(held), step)][: _WINDOWS + 1]
    scores = {sign: max((_score(w, sign) for w in windows), default=0.0) for sign in SEPARATORS}
    best = max(scores.values())
    if not best:
        raise _no_table(file)
    return next(sign for sign, score in scores.items() if score >= 0.95 * best)


def _score(lines: Sequence[str], separator: str) -> float:
    """Return the share of cells that are numbers, times the number of lines of usual width."""
    rows = [_trimmed(split_line(line[:100_000], separator)) for line in lines]
    width = Counter(len(row) for row in rows if is_row(row)).most_common(1)
    if not width or width[0][0] < 2:
        return 0.0
    usual = [row for row in rows if len(row) == width[0][0] and is_row(row)]
    cells = [cell for row in usual for cell in row if cell]
    return len(usual) * sum(is_number(c) or is_missing(c) for c in cells) / len(cells)


def is_row(row: Sequence[str]) -> bool:
    """Whether more than half of the cells that hold anything are numbers, and at least two.

    Parameters
    ----------
    row
        Cells of a line.
    """
    held = [cell for cell in row if not is_missing(cell)]
    numbers = sum(map(is_number, held))
    return numbers >= 2 and 2 * numbers > len(held)


def _trimmed(row: Sequence[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return list(row[:end])


def _names_numbers(rows: Sequence[Sequence[str]], first: int, like_rows: Sequence[int]) -> bool:
    """Whether the first row is a header that is mostly numbers: ``time, temp, 18, 28, 44``."""
    after = next((i for i in like_rows if i > first), None)
    above = next((rows[i] for i in range(first - 1, -1, -1) if any(rows[i])), [])
    if after is None or len(_trimmed(above)) == len(_trimmed(rows[first])):
        return False
    words = [i for i, cell in enumerate(rows[first]) if not (is_missing(cell) or is_number(cell))]
    return any(i < len(rows[after]) and is_number(rows[after][i]) for i in words)


def _header(
    rows: Sequence[Sequence[str]], first: int, file: str
) -> tuple[list[str], list[str], int]:
    """Return names, units and place of the header above row `first`."""
    above = [i for i in range(first - 1, -1, -1) if any(rows[i])][:2]
    if not above:
        raise _no_names(file, first)
    units: list[str] = []
    place = above[0]
    if len(above) == 2 and _are_units(rows[place]):
        units, place = [cell.strip("[]() ") for cell in rows[place]], above[1]
    names = _trimmed(rows[place])
    if len(names) < 2:
        raise _no_names(file, first)
    names[0] = names[0].lstrip("#%!/' ")
    if not names[0] and len(names) > 1 and rows[place][0].startswith(COMMENT):
        names = names[1:]
    return names, [*units, *[""] * len(names)][: len(names)], place


def _refuse_rows_above(
    rows: Sequence[Sequence[str]], above: Sequence[int], width: int, file: str
) -> None:
    """A few lines of numbers above a header describe it; many are a table that would be lost."""
    if len(above) >= A_TABLE:
        others = sorted({len(_trimmed(rows[i])) for i in above})
        raise InputError(
            f"{len(above)} rows of numbers stand above the header, in {others[0]} columns where "
            f"those under it are in {width}",
            file=file,
            row=above[0] + 1,
            expected="one table, all of its rows under one header",
            hint="Keep one table in the file, or repair the rows.",
        )


def _no_names(file: str, first: int) -> InputError:
    return InputError(
        "no header: the first line holds numbers" if first == 0 else "no header above the numbers",
        file=file,
        row=first + 1,
        expected="names of the columns above them",
        hint="Put a line of names on top, such as 'time,temp,m/z,abundance'.",
    )


def _are_units(row: Sequence[str]) -> bool:
    held = [cell.strip("[]() ") for cell in row if cell.strip("[]() -")]
    known = sum(unit_named(cell) is not None for cell in held)
    return bool(held) and 2 * known > len(held) and not any(is_number(c) for c in held)


def _as_wide(row: list[str], width: int, line: int, file: str, *, last: bool) -> list[str]:
    """Return a row as wide as the header; blank cells at its end may be missing or too many."""
    trimmed = _trimmed(row)
    if len(trimmed) > width or (len(row) < width):
        hint = "The file may be cut off." if last and len(row) < width else None
        if len(trimmed) == 2 * width or len(trimmed) == 2 * width - 1:
            hint = (
                "Do commas stand between columns and in numbers too? Export it with semicolons, or"
                " with points in the numbers."
            )
        raise InputError(
            f"{len(trimmed)} fields under a header of {width}",
            file=file,
            row=line,
            expected=f"{width} fields in each row",
            hint=hint,
        )
    return [*trimmed, *[""] * (width - len(trimmed))]
