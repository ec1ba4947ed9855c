"""Runs predicted per second, stage by stage: prepare, draw and render, models, neighbours.

    python benchmarks/predict_many.py [SOURCE] [--runs 64] [--bundle BUNDLE] [--device cuda]
    python benchmarks/predict_many.py --zoo 26 [--runs 804] [--device cuda]

The first form takes runs of SOURCE (simulated CSVs where none is named) through a bundle, the
shipped one if none is named, on one core; 'all of it' is the one call that users make, the stages
are the same work taken apart. The reference is the same bundle, one call for each run.

The second takes 804 simulated runs through so many experiments of the author, 4 folds and 16 draws
each, with random weights: what his prediction of two hours computed. Without a GPU it says
"unmeasured", unless asked for another device.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from egams.ensemble.bundle import Bundle, load_bundle
from egams.experiments.zoo import experiments_named
from egams.families import FAMILIES
from egams.io import RunSource, open_source, write_csv
from egams.models.network import Sizes
from egams.models.predict import predict_draws
from egams.models.trained_network import NetworkPredictor
from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.draw import draw_each, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore

ONE_BY_ONE = 8
"""Runs of the reference: a call each."""
CHALLENGE, EXPERIMENTS, FOLDS, DRAWS = 804, 26, 4, 16
AUTHOR, TARGET = 2 * 3600.0, 180.0
SIMULATED = 64


def main() -> None:
    """Print one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, help=f"{SIMULATED}, or {CHALLENGE} with --zoo")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--device", help="cpu, or cuda with --zoo")
    parser.add_argument("--zoo", type=int, help="experiments of the author")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.zoo:
        measure_zoo(arguments.zoo, arguments.runs or CHALLENGE, arguments.device or "cuda")
        return
    bundle = load_bundle(arguments.bundle)
    with tempfile.TemporaryDirectory() as folder:
        source = runs_of(arguments.source, Path(folder), arguments.runs or SIMULATED)
        measure_bundle(bundle, source, arguments.device or "cpu")


def runs_of(path: Path | None, folder: Path, count: int) -> RunSource:
    """Some runs of a source, or simulated ones."""
    if path is None:
        for run in simulate_runs(count, np.random.default_rng(0)):
            write_csv(run, folder / f"{run.run_id}.csv")
    source = open_source(path or folder)
    return source.only(source.ids[:count])


def measure_bundle(bundle: Bundle, source: RunSource, device: str) -> None:
    """Print seconds of each stage, and of all of it, beside one call a run."""
    clock = time.perf_counter if device != "cpu" else time.process_time
    bundle.predict(source.only(source.ids[:1]), device=device)  # what is loaded once, is

    def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
        start = clock()
        made = work()
        wait(device)
        return clock() - start, made

    preparing, store = seconds(lambda: prepare(source, jobs=1))
    loading, runs = seconds(lambda: resident(store, device))
    drawing, _ = seconds(lambda: draw_and_render(bundle, runs))
    looking, _ = seconds(lambda: run_descriptors(runs, np.arange(len(runs))))
    predicting, _ = seconds(lambda: bundle.predict(store, device=device))
    all_of_it, _ = seconds(lambda: bundle.predict(source, device=device))
    some = source.ids[:ONE_BY_ONE]
    one_by_one, _ = seconds(
        lambda: [bundle.predict(source.only([run]), device=device) for run in some]
    )
    count = len(store)
    names = ", ".join(member.experiment.name for member in bundle.members)
    kind = "processor seconds of one core" if device == "cpu" else "seconds by the clock"
    print(
        f"{count} runs, {bundle.manifest['draws']} draws, {len(bundle.members)} experiments "
        f"({names}), device {device}; {kind}"
    )
    rest = predicting - loading - drawing - looking
    for stage, spent in (
        ("prepare (read, bin, baseline)", preparing),
        ("decode onto the device", loading),
        ("draw and render", drawing),
        ("neighbours: descriptors of the runs", looking),
        ("networks, trees, the ensemble", rest),
    ):
        print(f"  {stage:32s} {spent:8.3f} s   {1e3 * spent / count:8.1f} ms a run")
    ours, reference = count / all_of_it, len(some) / one_by_one
    print(f"  all of it: {ours:.1f} runs a second; reference, a call each run: {reference:.1f}")
    print(f"  ratio {ours / reference:.1f}; no target is set for this")


def resident(store: RunStore, device: str) -> ResidentRuns:
    """Runs as `Bundle.predict` has them."""
    runs = ResidentRuns.load(store)
    return runs if device == "cpu" else runs.to(device)


def draw_and_render(bundle: Bundle, runs: ResidentRuns) -> None:
    """Spectrograms as `predict_draws` makes them for each experiment."""
    draws = bundle.manifest["draws"]
    for number, member in enumerate(bundle.members):
        config = member.experiment.spectrogram.for_prediction()
        table = windows(runs, config)
        at_once = max(1, 32 // draws)
        for first in range(0, len(runs), at_once):
            batch = np.arange(first, min(first + at_once, len(runs)))
            render(runs, draw_each(runs, table, batch, config, draws, (0, number)), config)


def measure_zoo(count: int, runs_asked: int, device: str) -> None:
    """Print the time of the author's prediction, or why there is none."""
    what = f"{runs_asked} runs x {count} experiments x {FOLDS} folds x {DRAWS} draws on {device}"
    if device.startswith("cuda") and not torch.cuda.is_available():
        print(f"{what}: unmeasured: no GPU (author {AUTHOR:.0f} s, to reach {TARGET:.0f} s)")
        return
    config = SimulationConfig(sam_share=0)
    store = prepare(simulate_runs(SIMULATED, np.random.default_rng(0), config=config))
    prepared = list(islice(cycle(store), runs_asked))
    spent: dict[str, float] = {}
    start = time.perf_counter()
    runs = ResidentRuns.load(prepared).to(device)
    everyone = np.arange(len(runs))
    for number, entry in enumerate(experiments_named("author")[:count]):
        sizes = Sizes(entry.spectrogram.rows, runs.context.shape[1], len(FAMILIES))
        predictors = [
            NetworkPredictor(entry.model.build(sizes), sizes).on(device) for _ in range(FOLDS)
        ]
        begun = time.perf_counter()
        predict_draws(predictors, runs, everyone, entry.spectrogram, DRAWS, (0, number))
        wait(device)
        spent[entry.name] = time.perf_counter() - begun
    ours = time.perf_counter() - start
    for name, seconds in spent.items():
        print(f"  {name:40s} {seconds:7.1f} s")
    print(f"{what} (copies of {SIMULATED} simulated runs, random weights): {ours:.1f} s")
    if len(spent) == EXPERIMENTS and runs_asked == CHALLENGE:
        print(f"  author {AUTHOR:.0f} s, ratio {AUTHOR / ours:.0f}, to reach {TARGET:.0f} s")


def wait(device: str) -> None:
    """Until a GPU has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
