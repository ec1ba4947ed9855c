"""Milliseconds for trees of ten families on 16 spectrograms of a run, on one thread.

    python benchmarks/trees.py

The reference is LightGBM itself, on the same 3,000 trees of 8 leaves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import lightgbm
import numpy as np

from egams.families import FAMILIES
from egams.kernel import KERNEL, kernels
from egams.models.trees import features
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.training.forests import from_lightgbm

TARGET = 0.6
RUNS, DRAWS, TREES, TIMES = 200, 16, 300, 50
SETTINGS = {
    **{"objective": "binary", "num_leaves": 8, "feature_fraction": 0.1},
    **{"verbosity": -1, "num_threads": 1},
}


def main() -> None:
    """Print our time with each kernel, the reference's, and that of the features."""
    rng = np.random.default_rng(0)
    spectrogram = rng.random((RUNS, 80, 100), np.float32).transpose(0, 2, 1)
    context = rng.random((RUNS, CONTEXT_FEATURES), np.float32)
    table = features(spectrogram, context, with_context=True)
    data = lightgbm.Dataset(table, params=SETTINGS).construct()
    boosters = []
    for _ in FAMILIES:
        data.set_label(rng.integers(2, size=RUNS))
        boosters.append(lightgbm.train(SETTINGS, data, TREES))
    forest, rows = from_lightgbm([each.model_to_string() for each in boosters]), table[:DRAWS]

    slow = milliseconds(lambda: [each.predict(rows, num_threads=1) for each in boosters])
    for kernel in kernels():
        os.environ[KERNEL] = kernel
        fast = milliseconds(lambda: forest.logits(rows))
        print(
            f"trees, {kernel}: ours {fast:.2f} ms, LightGBM {slow:.2f} ms, "
            f"ratio {slow / fast:.0f}, target {TARGET} ms"
        )
    for norms in (1, 3):
        image = np.tile(spectrogram[:DRAWS], (1, norms, 1))
        image = np.ascontiguousarray(image.transpose(0, 2, 1)).transpose(0, 2, 1)
        took = milliseconds(partial(features, image, context[:DRAWS], with_context=True))
        print(f"features, {100 * norms} rows: {took:.2f} ms")


def milliseconds(work: Callable[[], object]) -> float:
    """Median processor time of a call."""
    took = []
    for _ in range(TIMES):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return 1e3 * float(np.median(took))


if __name__ == "__main__":
    main()
