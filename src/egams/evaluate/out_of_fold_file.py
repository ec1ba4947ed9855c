"""Out-of-fold predictions of a whole study in one tidy file, for analyses of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from egams.artifact import written_whole
from egams.ensemble.ensemble import nested_ensemble
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.errors import ConfigError
from egams.experiments.experiment import ENSEMBLE
from egams.families import FAMILIES

SUFFIXES = (".parquet", ".csv")


def write_out_of_fold(
    scored: OutOfFoldPredictions, path: Path, *, at_most: int | None = None
) -> None:
    """Write a row for each experiment, run and family; the columns are in ``docs/formats.md``.

    Probabilities are means over test-time draws. Under the name "ensemble" stands the ensemble of
    at most so many experiments, fitted for each fold on the others.

    Raises
    ------
    ConfigError
        If the file is to be neither ``.parquet`` nor ``.csv``.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}.")
    import pyarrow as pa
    from pyarrow import csv, parquet

    names = [*scored.names, ENSEMBLE]
    ensemble = nested_ensemble(scored, at_most=at_most).probabilities
    values = np.stack([*scored.mean_over_draws, ensemble])  # [member, run, family]
    members, runs, families = values.shape

    def of_each_run(given: Any) -> Any:
        return np.tile(np.repeat(np.asarray(given), families), members)

    table = pa.table(
        {
            "experiment": np.repeat(names, runs * families),
            "sample_id": of_each_run(scored.run_ids),
            "instrument": of_each_run(scored.instruments),
            "fold": of_each_run(scored.folds),
            "family": np.tile(FAMILIES, members * runs),
            "label": np.tile(scored.labels.astype(np.int8).ravel(), members),
            "probability": values.ravel(),
        }
    )
    with written_whole(path) as temporary:
        if path.suffix == ".csv":
            csv.write_csv(table, temporary)
        else:
            parquet.write_table(table, temporary, write_page_checksum=True)
