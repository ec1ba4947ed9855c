"""Keep the out-of-fold predictions of a study's experiments, fold by fold, without its weights.

    python results/zoo/keep_oof.py STUDY

Writes ``results/zoo/oof/EXPERIMENT.parquet``, one row a run: ``sample_id``, ``fold``, and for each
family the mean over all test-time draws (``sulfate``) and over the first 1, 2, 4 and 8 of them
(``sulfate_draws1``). The file's metadata hold the experiment's settings, the seconds that each fold
took, and the fingerprint of the runs. Folds that are not finished yet are left out; run it again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from egams.families import FAMILIES

FEWER_DRAWS = (1, 2, 4, 8)
OUTPUT = Path(__file__).with_name("oof")


def fold_table(folder: Path) -> pa.Table:
    """Means over draws of the runs that one fold held out."""
    drawn = pq.read_table(folder / "held-out.parquet")
    draws = int(drawn["draw"].to_numpy().max()) + 1
    runs = len(drawn) // draws
    columns: dict[str, Any] = {
        "sample_id": drawn["sample_id"][:runs],
        "fold": np.full(runs, int(folder.name.removeprefix("fold-")), np.int8),
    }
    for family in FAMILIES:
        by_draw = drawn[family].to_numpy().reshape(draws, runs)
        columns[family] = by_draw.mean(0)
        columns |= {f"{family}_draws{count}": by_draw[:count].mean(0) for count in FEWER_DRAWS}
    return pa.table(columns)


def keep(study: Path) -> None:
    """Write a file for each experiment that has finished a fold."""
    data = json.loads((study / "manifest.json").read_text(encoding="utf-8"))["data"]
    for experiment in sorted({path.parents[1] for path in study.glob("*/fold-[0-9]*/member.json")}):
        folders = sorted(path.parent for path in experiment.glob("fold-[0-9]*/member.json"))
        records = [json.loads((folder / "member.json").read_text()) for folder in folders]
        seconds = {record["fold"]: record["seconds"] for record in records}
        described = {
            "experiment": json.dumps(records[0]["experiment"]),
            "seconds": json.dumps(seconds),
            "data": data,
        }
        table = pa.concat_tables(map(fold_table, folders)).replace_schema_metadata(described)
        target = OUTPUT / f"{experiment.name}.parquet"
        floats = [name for name in table.column_names if name not in ("sample_id", "fold")]
        pq.write_table(
            table,
            target,
            compression="zstd",
            use_dictionary=["sample_id"],
            use_byte_stream_split=floats,
            write_page_checksum=True,
        )
        print(f"{target}: folds {', '.join(sorted(seconds))}, {len(table)} runs")


if __name__ == "__main__":
    OUTPUT.mkdir(exist_ok=True)
    keep(Path(sys.argv[1]))
