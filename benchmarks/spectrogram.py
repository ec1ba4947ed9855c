"""Milliseconds per spectrogram, drawn and augmented, on one thread in batches of 256.

    python benchmarks/spectrogram.py

The reference draws one spectrogram at a time in NumPy, as the published solution did.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import draw, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from reference_spectrogram import choose, spectrogram

TARGET = 0.15
RUNS, BATCH, BATCHES, SINGLES = 48, 256, 12, 200
CONFIG = SpectrogramConfig(mix=0.25, baseline_prob=0.5, mz_sigma=1.0)


def main() -> None:
    """Print our time, the reference's, their ratio and the target."""
    torch.set_num_threads(1)
    simulated = simulate_runs(RUNS, np.random.default_rng(0), config=SimulationConfig(sam_share=0))
    store = prepare(simulated, jobs=1)
    runs, prepared = ResidentRuns.load(store), list(store)
    table = windows(runs, CONFIG)
    generator, rng = np.random.default_rng(0), np.random.default_rng(0)
    everyone = np.arange(len(runs))

    def ours() -> None:
        run = generator.integers(len(runs), size=BATCH)
        draws = draw(table, run, CONFIG, generator, partners=everyone)
        render(runs, draws, CONFIG)
        mixed_labels(runs, draws)

    def reference() -> None:
        def drawn() -> tuple:
            run = prepared[rng.integers(len(prepared))]
            return run, choose(run, rng, mz_sigma=CONFIG.mz_sigma, baseline_prob=0.5)

        second = drawn() if rng.uniform() < CONFIG.mix else None
        spectrogram(*drawn(), second=second, by_mean=bool(rng.uniform() < 0.5))

    fast = milliseconds(ours, BATCHES) / BATCH
    slow = milliseconds(reference, SINGLES)
    print(
        f"spectrogram: ours {fast:.3f} ms, reference {slow:.2f} ms, "
        f"ratio {slow / fast:.0f}, target {TARGET} ms"
    )


def milliseconds(work: Callable[[], None], times: int) -> float:
    """Processor time of a call, the first of which does not count."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return 1e3 * (time.process_time() - start) / times


if __name__ == "__main__":
    main()
