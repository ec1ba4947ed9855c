"""What a table leaves open, as questions that say how to answer."""

from __future__ import annotations

from collections.abc import Mapping

from egams.errors import InputError
from egams.io.tables.dialect import Grid, NoTableError
from egams.io.tables.units import Quantity


def ask(problem: str, grid: Grid, column: str | None, answer: str) -> InputError:
    """Return the question that a table leaves open.

    Parameters
    ----------
    problem
        What is open.
    grid
        The table.
    column
        Header of the column it is about.
    answer
        What to write behind ``--columns``.
    """
    return InputError(
        problem,
        file=grid.file,
        row=grid.header_line,
        column=column,
        hint=f"State it: --columns '{answer}'.",
    )


def nothing_recognised(grid: Grid, columns: Mapping[Quantity, str]) -> NoTableError:
    """Return what to say of a table that holds no signals as far as headers tell.

    Parameters
    ----------
    grid
        The table.
    columns
        Header of each column that was recognised, by what it is.
    """
    known = ", ".join(f"{role} ('{header}')" for role, header in columns.items()) or "none"
    shown = ", ".join(f"'{name}'" for name in grid.names[:12])
    shown += ", ..." if len(grid.names) > 12 else ""
    return NoTableError(
        f"neither a column of abundance beside one of m/z, nor a column for each m/z, among {shown}"
        f" (recognised: {known})",
        file=grid.file,
        row=grid.header_line,
        expected="time, temp, m/z, abundance; or time, temp and 'm/z 18', 'm/z 44', ...",
        hint="State what they are: --columns 'time=..., temp=..., m/z=..., abundance=...', or"
        " 'HEADER=18' for each m/z.",
    )
