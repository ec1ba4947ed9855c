"""Predictions as an Arrow table: one row for each run, used or not. Shards hold it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from egams.ensemble.predictions import OF_A_FAMILY, Neighbour, Predictions, RunPrediction
from egams.families import FAMILIES
from egams.io import SkippedRun

if TYPE_CHECKING:
    import pyarrow as pa

IN_WORDS = ("call", "unseen")


def prediction_schema() -> pa.Schema:
    """Columns of the table, the same for all predictions."""
    import pyarrow as pa

    neighbour = pa.struct(
        {"sample_id": pa.string(), "distance": pa.float64(), "families": pa.list_(pa.string())}
    )
    return pa.schema(
        [
            ("sample_id", pa.string()),
            ("instrument", pa.string()),
            *(
                (_column(family, name), pa.string() if name in IN_WORDS else pa.float64())
                for name in OF_A_FAMILY.values()
                for family in FAMILIES
            ),
            ("flags", pa.list_(pa.string())),
            ("nearest", pa.list_(neighbour)),
            ("notes", pa.list_(pa.string())),
            ("skipped", pa.string()),
        ]
    )


def to_table(predictions: Predictions, ids: Sequence[str] | None = None) -> pa.Table:
    """Lay predictions out as a table.

    Parameters
    ----------
    predictions
        Of runs that could be used; the others in `Predictions.skipped`.
    ids
        All of those runs, in the order of the rows; None puts skipped ones last.

    Returns
    -------
    pyarrow.Table
        With `prediction_schema`. A run that could not be used has its reason in ``skipped``, which
        is null for the others, and nothing in the columns between.
    """
    import pyarrow as pa

    rows = [_row(run) for run in predictions]
    rows += [{"sample_id": run.run_id, "skipped": run.reason} for run in predictions.skipped]
    if ids is not None:
        by_id = {row["sample_id"]: row for row in rows}
        rows = [by_id[run_id] for run_id in ids]
    return pa.Table.from_pylist(rows, prediction_schema())


def from_table(table: pa.Table) -> Predictions:
    """Return what `to_table` was given."""
    rows = table.to_pylist()
    skipped = [SkippedRun(row["sample_id"], row["skipped"]) for row in rows if row["skipped"]]
    return Predictions([_prediction(row) for row in rows if row["skipped"] is None], skipped)


def _column(family: str, name: str) -> str:
    return family if name == "probability" else f"{family}_{name}"


def _row(run: RunPrediction) -> dict[str, Any]:
    row = run.details(rounded=False)
    for family, values in row.pop("families").items():
        row |= {_column(family, name): value for name, value in values.items()}
    return row


def _prediction(row: dict[str, Any]) -> RunPrediction:
    return RunPrediction(
        row["sample_id"],
        row["instrument"],
        **{
            attribute: np.array([row[_column(family, name)] for family in FAMILIES])
            for attribute, name in OF_A_FAMILY.items()
        },
        flags=tuple(row["flags"]),
        nearest=tuple(
            Neighbour(one["sample_id"], tuple(one["families"]), one["distance"])
            for one in row["nearest"]
        ),
        notes=tuple(row["notes"]),
    )
