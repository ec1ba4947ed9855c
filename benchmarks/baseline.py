"""Speed and agreement of the batched asPLS baseline, beside pybaselines.

Times each kernel that runs here: the compiled ones, and NumPy. Reads the challenge's own runs
(EGAMS_DATA or ../shared/data), or simulates some where they are not at hand. Everything runs in one
thread; times are CPU time of this process.

    python benchmarks/baseline.py
"""

from __future__ import annotations

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pybaselines
from numpy.typing import NDArray

from egams.io import open_source
from egams.kernel import KERNEL, NUMPY, kernels
from egams.preprocess.aspls import aspls
from egams.preprocess.binning import bin_readings, traces
from egams.preprocess.restrict import restrict
from egams.run import Run
from egams.simulate.runs import simulate_run

RUNS = 32
EVERY = 16  # pybaselines fits one trace in so many: it needs seconds per hundred


def runs(rng: np.random.Generator) -> tuple[str, list[Run]]:
    """A block of commercial runs, real ones if there are any."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EGAMS_DATA", beside)) / "mars-ega"
    if not folder.is_dir():
        return "simulated", [simulate_run(child) for child in rng.spawn(RUNS)]
    source = open_source(folder / "train_features.parquet", split="train")
    loaded = (source.load(str(run_id)) for run_id in rng.permutation(source.ids))
    commercial = (run for run in loaded if run.instrument == "commercial")
    return "real", [next(commercial) for _ in range(RUNS)]


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Least CPU time of a few repeats."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def reference(trace: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Baseline and number of iterations by pybaselines."""
    fitted, params = pybaselines.Baseline().aspls(
        trace, lam=2e6, diff_order=2, max_iter=100, tol=1e-3
    )
    return fitted, len(params["tol_history"])


def main() -> None:
    """Print the comparison."""
    warnings.simplefilter("ignore", pybaselines.utils.ParameterWarning)
    kind, block = runs(np.random.default_rng(0))
    cut = [traces(bin_readings(restrict(run))) for run in block]
    lengths = np.concatenate([length for _, length in cut])
    values = np.concatenate(
        [np.pad(value, ((0, 0), (0, lengths.max() - value.shape[1]))) for value, _ in cut]
    )

    fit = aspls(values, lengths)
    seconds = {}
    for name in kernels():
        os.environ[KERNEL] = name
        together = cpu_seconds(lambda: aspls(values, lengths)) / RUNS
        seconds[name] = together, cpu_seconds(lambda: aspls(*cut[0]))

    chosen = range(0, len(values), EVERY)
    own = [values[i, : lengths[i]] for i in chosen]
    theirs = cpu_seconds(lambda: [reference(trace) for trace in own], 1) / len(own)
    per_run = theirs * len(values) / RUNS
    far, far_itself, same, same_itself = [], [], [], []
    for i, trace in zip(chosen, own, strict=True):
        expected, iterations = reference(trace)
        turned, turned_iterations = reference(trace[::-1])
        size = np.abs(expected).max() or 1.0
        far.append(np.abs(fit.baseline[i, : lengths[i]] - expected).max() / size)
        far_itself.append(np.abs(turned[::-1] - expected).max() / size)
        same.append(fit.iterations[i] == iterations)
        same_itself.append(turned_iterations == iterations)

    quartiles = np.percentile(fit.iterations, [50, 90, 100]).astype(int)
    print(f"{RUNS} {kind} commercial runs, {len(values)} traces of {np.median(lengths):.0f} bins")
    print(f"iterations      mean {fit.iterations.mean():.1f}, median, 90 %, most: {quartiles}")
    print(f"ms a run        in a block of {RUNS}, alone; times as fast as numpy, pybaselines")
    for name, (together, alone) in seconds.items():
        print(
            f"egams {name:10}{together * 1e3:7.1f}{alone * 1e3:7.1f}"
            f"{seconds[NUMPY][0] / together:9.1f}{per_run / together:7.1f}"
        )
    print(
        f"pybaselines {pybaselines.__version__}{per_run * 1e3:6.1f}{per_run * 1e3:7.1f}"
        f"{seconds[NUMPY][0] / per_run:9.2f}    1.0, {theirs * 1e3:.2f} ms a trace"
    )
    for name, apart, alike in (
        ("egams / pybaselines", far, same),
        ("pybaselines / itself on turned traces", far_itself, same_itself),
    ):
        median, most = np.percentile(apart, [50, 90])
        print(
            f"{name}: apart by {median:.0e} (median), {most:.0e} (90 %) of the largest value; "
            f"same number of iterations in {np.mean(alike):.0%}"
        )


if __name__ == "__main__":
    main()
