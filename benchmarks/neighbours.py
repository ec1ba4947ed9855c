"""How the Gaussian process grows with the training runs, and what its approximations cost in score.

    python benchmarks/neighbours.py [--sizes 763 3000 10000 100000]
    python benchmarks/neighbours.py --stores train.store more.store

The first simulates described runs: 300 kinds of samples with a set of labels each, features of the
sizes and the decaying spectrum of real ones. Each size is fitted in a fresh process with one
thread, and predicts 64 more runs. Peak memory is that of the process, descriptors included. Beside
it the reference: kernel and process on all runs, as is done up to 1,500. It is fitted whole at 763
runs; at 3,000 three of its 60 steps are, and the rest is extrapolated; beyond, all of it, with the
cube (time) and the square (memory) of the runs.

The second scores approximations on the labelled runs of prepared stores, in four folds, each beside
the process that is exact: with limits as small beside these runs as the true ones beside many.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from egams.logistic import sigmoid
from egams.models.neighbours import NeighboursConfig, logits_of
from egams.spectrogram.descriptors import FEATURES, run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.training.neighbours import LIMITS, Limits, fit_described

SIZES = (763, 3_000, 10_000, 100_000)
KINDS, LATENT = 300, 48
ASKED = 64
TARGET_SECONDS, TARGET_MEMORY = 120, 4.0
STEPS, FEW_STEPS = NeighboursConfig().steps, 3
LARGEST_REFERENCE = 3_000
FOLDS = 4
KERNEL_RUNS = 400
INEXACT = replace(LIMITS, kernel=KERNEL_RUNS)
APPROXIMATIONS: dict[str, Callable[[int], Limits]] = {
    "principal components": lambda runs: replace(LIMITS, kernel=runs - 1),
    "and variance from the nearest 300": lambda runs: replace(LIMITS, kernel=runs - 1, inverse=0),
    "and mean too": lambda runs: replace(LIMITS, kernel=runs - 1, inverse=0, whole=0),
    f"kernel fitted on {KERNEL_RUNS}": lambda _: INEXACT,
    "and variance from the nearest 300, ": lambda _: replace(INEXACT, inverse=0),
    "and mean too, ": lambda _: replace(INEXACT, inverse=0, whole=0),
    "of the nearest 100": lambda _: replace(INEXACT, inverse=0, whole=0, nearest=100),
}
Described = tuple[list[np.ndarray], np.ndarray]


def simulated(runs: int) -> Described:
    """Descriptors and labels; those of kinds of samples vary about a common mean."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(KINDS, LATENT))
    labels_of_kinds = (rng.random((KINDS, 10)) < 0.15).astype(np.float32)
    kind = rng.integers(KINDS, size=runs)
    places = (kinds[kind] + 0.5 * rng.normal(size=(runs, LATENT))).astype(np.float32)
    decay = (1 / np.sqrt(1 + np.arange(LATENT))).astype(np.float32)
    descriptors = []
    for features in FEATURES:
        loadings = decay[:, None] * rng.normal(size=(LATENT, features)).astype(np.float32)
        described = places @ loadings * np.float32(0.2)
        described += 0.1 * rng.standard_normal((runs, features), np.float32)
        descriptors.append(described)
    return descriptors, labels_of_kinds[kind]


def fit(runs: int, steps: int, limits: Limits) -> dict[str, float]:
    """Seconds of a fit and of a prediction, and peak memory, GiB."""
    descriptors, labels = simulated(runs + ASKED)
    known = [each[ASKED:] for each in descriptors]
    start = time.perf_counter()
    neighbours, _ = fit_described(NeighboursConfig(steps=steps), known, labels[ASKED:], limits)
    fitted = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    given = neighbours.whole.evidence([each[:ASKED] for each in descriptors])
    predicted = time.perf_counter()
    probabilities = np.clip(sigmoid(logits_of(given)), 1e-7, 1 - 1e-7)
    truth = labels[:ASKED]
    loss = -np.log(np.where(truth > 0, probabilities, 1 - probabilities)).mean()
    kept = sum(each.nbytes for each in neighbours.state.values()) / 2**20
    return {
        "fit": fitted - start,
        "predict": (predicted - fitted) / ASKED,
        "peak": peak,
        "file": kept,
        "loss": float(loss),
    }


def measured(runs: int, steps: int, exact: bool) -> dict[str, float]:
    """As `fit`, in a fresh process with one thread."""
    command = [sys.executable, __file__, "--child", str(runs), str(steps), str(int(exact))]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    answer = subprocess.run(
        command, env=os.environ | threads, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def reference(runs: int, before: dict[str, float]) -> tuple[dict[str, float], str]:
    """The exact process, and how much of it was extrapolated."""
    if runs <= LIMITS.kernel:
        return measured(runs, STEPS, True) | {"runs": runs}, ""
    if runs <= LARGEST_REFERENCE:
        found = measured(runs, FEW_STEPS, True)
        found["fit"] *= (STEPS + 1) / (FEW_STEPS + 1)
        return found | {"runs": runs, "loss": np.nan}, "steps extrapolated"
    factor = runs / before["runs"]
    return {
        "fit": before["fit"] * factor**3,
        "predict": before["predict"] * factor**2,
        "peak": before["peak"] * factor**2,
        "file": before["file"] * factor**2,
        "loss": np.nan,
    }, "extrapolated"


def grow(sizes: list[int]) -> None:
    """Print a table of sizes."""
    print(
        f"one thread; load {os.getloadavg()[0]:.1f} at the start\n"
        f"{'runs':>7} {'':10} {'fit, s':>9} {'a run, ms':>9} {'peak, GiB':>9} {'file, MiB':>9} "
        f"{'log loss':>8}"
    )
    before: dict[str, float] = {}
    for runs in sizes:
        now = measured(runs, STEPS, False)
        old, how = reference(runs, before)
        before = old if "runs" in old else before
        for what, each, note in (("", now, ""), ("reference", old, how)):
            print(
                f"{runs:7d} {what:10} {each['fit']:9.1f} {1e3 * each['predict']:9.2f} "
                f"{each['peak']:9.2f} {each['file']:9.1f} {each['loss']:8.4f} {note}",
                flush=True,
            )
        if runs == 10_000:
            met = now["fit"] <= TARGET_SECONDS and now["peak"] <= TARGET_MEMORY
            print(f"to reach at 10,000: 2 min, 4 GiB: {'met' if met else 'missed'}")


def score(stores: list[Path]) -> None:
    """Print what each approximation loses, out of fold, with a 95 % interval of the difference."""
    parts = []
    for path in stores:
        store = RunStore.open(path)
        labelled = np.flatnonzero(store.labelled)
        parts.append((run_descriptors(ResidentRuns.load(store), labelled), store.labels[labelled]))
    descriptors = [np.concatenate(each) for each in zip(*(part for part, _ in parts), strict=True)]
    labels = np.concatenate([part for _, part in parts])
    fold = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    exact = losses(descriptors, labels, fold, lambda runs: replace(LIMITS, kernel=runs))
    print(f"{len(labels)} runs, {FOLDS} folds; exact {exact.mean():.4f}")
    for name, limits in APPROXIMATIONS.items():
        lost = losses(descriptors, labels, fold, limits) - exact
        interval = 1.96 * lost.std() / np.sqrt(len(lost))
        print(f"{name:40} {lost.mean():+.4f} +- {interval:.4f}", flush=True)


def losses(
    descriptors: list[np.ndarray],
    labels: np.ndarray,
    fold: np.ndarray,
    limits: Callable[[int], Limits],
) -> np.ndarray:
    """Log loss of each run by a process that did not know it ``[run]``."""
    found = np.empty(len(labels))
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        neighbours, _ = fit_described(
            NeighboursConfig(),
            [each[train] for each in descriptors],
            labels[train],
            limits(int(train.sum())),
        )
        given = sigmoid(logits_of(neighbours.whole.evidence([each[test] for each in descriptors])))
        truth = labels[test] > 0
        found[test] = -np.log(np.where(truth, given, 1 - given)).mean(1)
    return found


def main() -> None:
    """Print what is requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--stores", type=Path, nargs="+", default=[])
    parser.add_argument("--child", type=int, nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        runs, steps, exact = arguments.child
        torch.set_num_threads(1)
        print(json.dumps(fit(runs, steps, replace(LIMITS, kernel=runs) if exact else LIMITS)))
    elif arguments.stores:
        score(arguments.stores)
    else:
        grow(arguments.sizes)


if __name__ == "__main__":
    main()
