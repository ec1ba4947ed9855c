"""`Table`: rows under named columns, with a caption that explains the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egams.artifact import written_whole

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Parameters
    ----------
    columns
        Names of the columns.
    rows
        One cell for each column; None or NaN where there is no value.
    caption
        What the numbers are, and on which runs they were chosen and measured.

    Raises
    ------
    ValueError
        If a row has not one cell for each column, or two columns share a name.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"columns share a name: {self.columns}")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells under {len(self.columns)} columns: {row}")

    def column(self, name: str) -> tuple[Cell, ...]:
        """Cells of one column, from the top down."""
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)

    def markdown(self) -> str:
        """Return the table as GitHub's Markdown, the caption above it."""
        rules = ["---:" if self._is_number(name) else "---" for name in self.columns]
        body = [[_text(cell).replace("|", "\\|") for cell in row] for row in self.rows]
        lines = ["| " + " | ".join(cells) + " |" for cells in (list(self.columns), rules, *body)]
        return "\n".join([self.caption, "", *lines, ""])

    def print(self, console: Console) -> None:
        """Print the table to a `rich.console.Console`."""
        from rich import table as rich_table
        from rich.text import Text

        shown = rich_table.Table(
            caption=Text(self.caption), caption_justify="left", box=None, pad_edge=False
        )
        for place, name in enumerate(self.columns):
            justify: JustifyMethod = "right" if self._is_number(name) else "left"
            # The first column holds names, to be copied, so they are never broken.
            shown.add_column(Text(name), justify=justify, no_wrap=place == 0)
        for row in self.rows:
            shown.add_row(*(Text(_text(cell)) for cell in row))
        console.print(shown)

    def to_parquet(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
        """Write the table as Parquet, to a temporary name and renamed.

        Parameters
        ----------
        path
            File to write.
        metadata
            What else the file should record of itself (version, configuration, fingerprint of the
            data); kept in the schema beside ``caption``.
        """
        import pyarrow as pa
        from pyarrow import parquet

        data: dict[str, Any] = {name: list(self.column(name)) for name in self.columns}
        recorded = {**(metadata or {}), "caption": self.caption}
        with written_whole(Path(path)) as temporary:
            described = pa.table(data).replace_schema_metadata(recorded)
            parquet.write_table(described, temporary, write_page_checksum=True)

    def _is_number(self, name: str) -> bool:
        return not any(isinstance(cell, str) for cell in self.column(name))


def _text(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "n/a"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)
