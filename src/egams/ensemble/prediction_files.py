"""Predictions as a file: its suffix says which kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egams.artifact import write_json, written_whole
from egams.errors import ConfigError
from egams.extras import load
from egams.families import FAMILIES

if TYPE_CHECKING:
    from egams.ensemble.predictions import Predictions

UNDATED = datetime(1980, 1, 1)
"""A workbook that holds the date differs from one day to the next."""
MOST_ROWS = 2**20 - 1
"""Rows of a sheet below its header."""
LONGEST_TEXT = 32767
"""Characters of a cell."""


def refuse_suffix(path: Path) -> None:
    """Refuse a name whose suffix is no kind of file, or needs what is not installed.

    Parameters
    ----------
    path
        File to write.

    Raises
    ------
    ConfigError
        If it is.
    """
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(f"{path}: expected a name that ends in {', '.join(WRITERS)}.")
    if path.suffix.lower() == ".xlsx":
        load("xlsxwriter")


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions, whole or not at all.

    Parameters
    ----------
    predictions
        What to write.
    path
        ``.csv``: probabilities in the challenge's layout. ``.json``: everything. ``.parquet``:
        everything, a row a run. ``.xlsx``: everything, in four sheets.

    Raises
    ------
    ConfigError
        If the suffix is another, a library is missing, or there are more runs than a sheet holds.
    """
    refuse_suffix(path)
    WRITERS[path.suffix.lower()](predictions, path)


def _write_csv(predictions: Predictions, path: Path) -> None:
    predictions.to_csv(path)


def _write_json(predictions: Predictions, path: Path) -> None:
    write_json(path, predictions.details())


def _write_parquet(predictions: Predictions, path: Path) -> None:
    from pyarrow import parquet

    with written_whole(path) as temporary:
        parquet.write_table(predictions.to_arrow(), temporary)


def _write_workbook(predictions: Predictions, path: Path) -> None:
    if len(predictions) * len(FAMILIES) > MOST_ROWS:
        raise ConfigError(f"{path}: more runs than a sheet holds. Write a .parquet file instead.")
    xlsxwriter = load("xlsxwriter")
    # What begins with "=" in a run's name is text.
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with written_whole(path) as temporary:
        workbook = xlsxwriter.Workbook(str(temporary), plain)
        workbook.set_properties({"created": UNDATED})
        bold = workbook.add_format({"bold": True})
        for name, header, rows in _sheets(predictions):
            sheet = workbook.add_worksheet(name)
            sheet.freeze_panes(1, 1)
            sheet.set_column(0, 0, 24)
            sheet.write_row(0, 0, header, bold)
            for number, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    shown = value[:LONGEST_TEXT] if isinstance(value, str) else value
                    sheet.write(number, column, shown)
        workbook.close()


def _sheets(
    predictions: Predictions,
) -> Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]:
    details = predictions.details()
    runs = details["runs"]
    of_family = list(runs[0]["families"][FAMILIES[0]]) if runs else []
    yield (
        "probabilities",
        ["sample_id", "instrument", *FAMILIES],
        (
            [run.run_id, run.instrument, *run.probabilities.tolist()]
            for run in predictions  # with all digits
        ),
    )
    yield (
        "details",
        ["sample_id", "family", *of_family],
        (
            [run["sample_id"], family, *values.values()]
            for run in runs
            for family, values in run["families"].items()
        ),
    )
    yield (
        "notes",
        ["sample_id", "what", "text"],
        (
            [run.run_id, what, str(text)]
            for run in predictions
            for what, texts in (
                ("flag", run.flags),
                ("nearest training run", run.nearest),
                ("note", run.notes),
            )
            for text in texts
        ),
    )
    yield (
        "skipped",
        ["sample_id", "reason"],
        ([run.run_id, run.reason] for run in predictions.skipped),
    )


WRITERS: dict[str, Callable[[Predictions, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".json": _write_json,
    ".xlsx": _write_workbook,
}
"""How each kind of file is written."""
