"""Lines of an instrument's program: rows below a header, channels listed above it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from egams.errors import InputError

_NEWLINE = re.compile(r"\r\n|\n|\r")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, whichever way they end.

    Parameters
    ----------
    text
        The file.
    """
    return _NEWLINE.split(text)


def refuse_unlisted(
    names: Sequence[str], listed: Mapping[str, float | None], file: str, row: int, expected: str
) -> None:
    """Refuse a table whose channels are not all listed above it with their m/z.

    Parameters
    ----------
    names
        Channels of the table.
    listed
        m/z by channel.
    file
        What to call the file in messages.
    row
        Line that names the channels.
    expected
        How a channel is listed.

    Raises
    ------
    InputError
        If one is not, or there is none.
    """
    unlisted = [name for name in names if name not in listed]
    if not names or unlisted:
        problem = f"no m/z is listed for channel {unlisted[0]}" if unlisted else "names no channels"
        raise InputError(problem, file=file, row=row, expected=expected)


def rows_below(
    lines: Sequence[str],
    at: int,
    cells_of: Callable[[str], list[str]],
    file: str,
    fields: tuple[int, int | None] = (0, None),
    expected: str | None = None,
) -> dict[int, list[str]]:
    """Return the cells of each row that is not empty, by its line.

    Parameters
    ----------
    lines
        The file.
    at
        Place of the header among them.
    cells_of
        Parts a line.
    file
        What to call the file in messages.
    fields
        Fewest and most cells of a row; None for any number.
    expected
        What a row holds.

    Raises
    ------
    InputError
        If a row has fewer or more.
    """
    fewest, most = fields
    rows = {}
    for line, text in enumerate(lines[at + 1 :], at + 2):
        cells = cells_of(text) if text.strip() else []
        if not cells:
            continue
        if len(cells) < fewest or (most is not None and len(cells) > most):
            raise InputError(
                f"{len(cells)} fields instead of {fewest}",
                file=file,
                row=line,
                expected=expected,
                hint="If it is the last row, the file may be cut off.",
            )
        rows[line] = cells
    return rows
