"""A shard of predictions as a table: one row for each run of the source, used or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from egams.ensemble.predictions import Neighbour, Predictions
from egams.families import FAMILIES

if TYPE_CHECKING:
    import pyarrow as pa

SPREAD, DRAW_SPREAD, STATE = "{}_spread", "{}_draw_spread", "{}_at_90_percent"
"""Names of the columns beside that of a family itself, which holds the probability."""


def shard_schema() -> pa.Schema:
    """Columns of a shard, the same in all of them."""
    import pyarrow as pa

    neighbour = pa.struct(
        {"sample_id": pa.string(), "distance": pa.float64(), "families": pa.list_(pa.string())}
    )
    return pa.schema(
        [
            ("sample_id", pa.string()),
            ("instrument", pa.string()),
            *((family, pa.float64()) for family in FAMILIES),
            *((SPREAD.format(family), pa.float64()) for family in FAMILIES),
            *((DRAW_SPREAD.format(family), pa.float64()) for family in FAMILIES),
            *((STATE.format(family), pa.string()) for family in FAMILIES),
            ("flags", pa.list_(pa.string())),
            ("nearest", pa.list_(neighbour)),
            ("notes", pa.list_(pa.string())),
            ("skipped", pa.string()),
        ]
    )


def to_table(predictions: Predictions, ids: Sequence[str]) -> pa.Table:
    """Lay predictions out as a table.

    Parameters
    ----------
    predictions
        Of runs that could be used; the others in `Predictions.skipped`.
    ids
        All of those runs, in the order of the rows.

    Returns
    -------
    pyarrow.Table
        With `shard_schema`. A run that could not be used has its reason in ``skipped``, which is
        null for the others, and nothing in the columns between.
    """
    import pyarrow as pa

    said: dict[str, Any] = {
        "sample_id": predictions.run_ids,
        "instrument": predictions.instruments,
        "flags": predictions.flags,
        "nearest": [[_as_struct(one) for one in of_run] for of_run in predictions.nearest],
        "notes": predictions.notes,
        "skipped": [None] * len(predictions.run_ids),
    }
    for column, family in enumerate(FAMILIES):
        said[family] = predictions.probabilities[:, column]
        said[SPREAD.format(family)] = predictions.spread[:, column]
        said[DRAW_SPREAD.format(family)] = predictions.draw_spread[:, column]
        said[STATE.format(family)] = predictions.states[:, column].tolist()
    schema = shard_schema()
    used = pa.table({name: said[name] for name in schema.names}, schema)
    unused: dict[str, Any] = {name: [None] * len(predictions.skipped) for name in schema.names}
    unused["sample_id"] = [entry["run_id"] for entry in predictions.skipped]
    unused["skipped"] = [entry["reason"] for entry in predictions.skipped]
    table = pa.concat_tables([used, pa.table(unused, schema)])
    place = {run_id: row for row, run_id in enumerate(table["sample_id"].to_pylist())}
    return table.take([place[run_id] for run_id in ids])


def from_table(table: pa.Table) -> Predictions:
    """Return what `to_table` was given."""
    import pyarrow.compute as pc

    used = table.filter(pc.is_null(table["skipped"]))
    unused = table.filter(pc.is_valid(table["skipped"]))

    def lists(name: str) -> list[Any]:
        return list(used[name].to_pylist())

    def numbers(pattern: str) -> Any:
        columns = [used[pattern.format(family)].to_numpy() for family in FAMILIES]
        return np.stack(columns, axis=1)

    return Predictions(
        run_ids=tuple(lists("sample_id")),
        instruments=tuple(lists("instrument")),
        probabilities=numbers("{}"),
        spread=numbers(SPREAD),
        draw_spread=numbers(DRAW_SPREAD),
        states=numbers(STATE).astype(np.str_),
        flags=tuple(map(tuple, lists("flags"))),
        nearest=tuple(tuple(map(_from_struct, of_run)) for of_run in lists("nearest")),
        notes=tuple(map(tuple, lists("notes"))),
        skipped=tuple(
            {"run_id": run_id, "reason": reason}
            for run_id, reason in zip(
                unused["sample_id"].to_pylist(), unused["skipped"].to_pylist(), strict=True
            )
        ),
    )


def _as_struct(neighbour: Neighbour) -> dict[str, Any]:
    return {
        "sample_id": neighbour.run_id,
        "distance": neighbour.distance,
        "families": neighbour.families,
    }


def _from_struct(entry: dict[str, Any]) -> Neighbour:
    return Neighbour(entry["sample_id"], tuple(entry["families"]), entry["distance"])
