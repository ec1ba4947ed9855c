"""Processor seconds (of all threads) from CSV to store per commercial run, in one process.

    python benchmarks/prepare.py

The reference is the baseline fit alone, trace by trace, as pybaselines does it. Runs are the
challenge's own (EGAMS_DATA or ../shared/data); simulated ones where those are not at hand.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from pybaselines.whittaker import aspls

from egams.io import open_source, write_csv
from egams.io.csv_source import CsvSource
from egams.kernel import KERNEL, NUMPY, kernels
from egams.preprocess.binning import bin_readings, traces
from egams.preprocess.restrict import restrict
from egams.simulate import SimulationConfig, simulate_runs
from egams.store.prepare import prepare

TARGET = 0.05
RUNS, TRACES = 32, 24


def main() -> None:
    """Print our time with the fastest kernel and NumPy, the reference's, ratio and target."""
    with tempfile.TemporaryDirectory() as folder:
        source, what = runs(Path(folder))
        prepare(replace(source, ids=source.ids[:1]), jobs=1)
        reference = reference_seconds(source)
        for name in dict.fromkeys((kernels()[0], NUMPY)):
            os.environ[KERNEL] = name
            start = time.process_time()
            store = prepare(source, Path(folder) / f"{name}.store", jobs=1)
            ours = (time.process_time() - start) / len(store)
            print(
                f"prepare, {len(store)} {what} runs, baselines by {name}: ours {ours:.4f} s a run, "
                f"reference {reference:.2f} s, ratio {reference / ours:.0f}, target {TARGET} s"
            )


def runs(folder: Path) -> tuple[CsvSource, str]:
    """Commercial runs as CSVs."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    real = Path(os.environ.get("EGAMS_DATA", beside)) / "drivendata-mini"
    if real.is_dir():
        source = open_source(real)
        assert isinstance(source, CsvSource)
        kind = source.annotations.instrument_of
        ids = tuple(run_id for run_id in source.ids if kind(run_id) == "commercial")
        return replace(source, ids=ids[:RUNS]), "real"
    config = SimulationConfig(sam_share=0)
    for run in simulate_runs(RUNS, np.random.default_rng(0), config=config):
        write_csv(run, folder / f"{run.run_id}.csv")
    source = open_source(folder, instrument="commercial")
    assert isinstance(source, CsvSource)
    return source, "simulated"


def reference_seconds(source: CsvSource) -> float:
    """Seconds that pybaselines takes for the traces of a run, told from a few of them."""
    rng = np.random.default_rng(0)
    counts, spent = [], 0.0
    for run_id in source.ids[:: len(source.ids) // 4]:
        cut, length = traces(bin_readings(restrict(source.load(run_id))))
        counts.append(len(cut))
        for k in rng.choice(len(cut), TRACES // 4, replace=False):
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                aspls(cut[k, : length[k]], lam=2e6, diff_order=2, max_iter=100, tol=1e-3)
            spent += time.process_time() - start
    return spent / (TRACES // 4 * len(counts)) * float(np.mean(counts))


if __name__ == "__main__":
    main()
