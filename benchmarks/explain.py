"""Whether explanations point at what matters.

python benchmarks/explain.py simulated [--bundle BUNDLE] [--runs 200]
python benchmarks/explain.py deletion STUDY STORE [--runs 200]
python benchmarks/explain.py shuffled STORE [--runs 40]
python benchmarks/explain.py seconds RUN.csv

simulated: how often the strongest window of a present family is an ion and a temperature that the
simulator released for it, beside a random window of the run. deletion: the probability while
windows are taken away, strongest first, by members that did not learn from the run; beside random
windows of the same size, and the run's own windows in random order. shuffled: correlation of what
windows do to a model with what they do to one that was trained on labels in random order.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from egams.arrays import FloatArray
from egams.ensemble.bundle import Bundle, Member, load_bundle
from egams.ensemble.ensemble import Ensemble
from egams.experiments.zoo import experiment_named
from egams.explain.effects import Effects
from egams.explain.occlude import occluded
from egams.explain.same_draws import SameDraws
from egams.explain.windows import Window, windows_of
from egams.families import FAMILIES
from egams.models.predictor import Predictor, WithEvidence
from egams.preprocess.prepare_runs import PreparedRun
from egams.run import Run
from egams.simulate import SimulationConfig, commercial, simulate_run
from egams.simulate.chemistry import GASES
from egams.simulate.sample import DrawnRelease, draw_releases
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.folds import Folds
from egams.study.study import Study
from egams.training.train import train_experiment

DRAWS = 2
NEAR = 50.0
"""Largest distance of a window's maximum from where a gas was released, degC: a gas lingers in the
line, and water the longest."""
LEAST_SHARE = 1.0
"""Smallest share of its gas's strongest ion that an ion must have, per cent."""
EVEN = 0.5
RESAMPLES = 2000
TRAINED = 0.3
"""Share of the trees that models on labels in random order get, and those beside them."""


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, work in {
        "simulated": _simulated,
        "deletion": _deletion,
        "shuffled": _shuffled,
        "seconds": _seconds,
    }.items():
        command = commands.add_parser(name)
        command.set_defaults(work=work)
        if name == "deletion":
            command.add_argument("study", type=Path)
        if name in ("deletion", "shuffled"):
            command.add_argument("store", type=Path)
        if name == "seconds":
            command.add_argument("run", type=Path)
        command.add_argument("--bundle", type=Path)
        command.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    arguments.work(arguments)


def released_run(rng: np.random.Generator) -> tuple[Run, list[DrawnRelease]]:
    """Simulate a commercial run; what its families give off."""
    drawn: list[DrawnRelease] = []

    def remembered(
        families: Collection[str], rng: np.random.Generator, config: SimulationConfig
    ) -> list[DrawnRelease]:
        drawn.extend(draw_releases(families, rng, config))
        return list(drawn)

    with patch.object(commercial, "draw_releases", remembered):
        return simulate_run(rng), drawn


def is_released(window: Window, releases: Sequence[DrawnRelease], end_degC: float) -> bool:
    """Whether the ion that names a window is of a gas that was released near its maximum.

    Of a release that peaks after the run's end, the run is at its maximum there.
    """
    return any(
        GASES[each.gas].fragments.get(window.mz[0], 0.0) >= LEAST_SHARE
        and abs(window.maximum_degC - min(each.peak, end_degC)) <= NEAR
        for each in releases
    )


def _simulated(arguments: argparse.Namespace) -> None:
    bundle = load_bundle(arguments.bundle)
    root, dice = np.random.default_rng(11), np.random.default_rng(5)
    found: list[tuple[bool, float, str]] = []
    for _ in range(arguments.runs):
        run, drawn = released_run(root.spawn(1)[0])
        store = prepare(run, jobs=1)
        assert run.labels is not None
        probabilities = bundle.predict(store, draws=2 * DRAWS)[0].probabilities
        families = [
            name
            for name, label, p in zip(FAMILIES, run.labels, probabilities, strict=True)
            if label and p >= EVEN
        ]
        if not families:
            continue
        end = float(store[0].temperature[-1])
        explained = bundle.explain(store, families=families, draws=2 * DRAWS)
        for each in explained.families:
            own = [release for release in drawn if release.family == each.family]
            window = each.windows[0].window
            random = float(np.mean([is_released(one, own, end) for one in explained.windows]))
            found.append((is_released(window, own, end), random, each.family))
            if not found[-1][0]:
                gases = sorted({(one.gas, round(one.peak)) for one in own})
                print(f"  missed: {each.family}: {window}; released: {gases[:4]}")
    hit = np.array([each[0] for each in found], float)
    low, high = np.quantile(
        [dice.choice(hit, len(hit)).mean() for _ in range(RESAMPLES)], (0.025, 0.975)
    )
    print(f"calls {len(hit)}, right {hit.mean():.3f} ({low:.3f} to {high:.3f})")
    print(f"random window {np.mean([each[1] for each in found]):.3f}")
    for family in FAMILIES:
        of_family = hit[[each[2] == family for each in found]]
        if len(of_family):
            print(f"  {family:15s} {len(of_family):4d} {of_family.mean():.2f}")


@dataclass(frozen=True)
class Curve:
    """A probability while windows are taken away, and the share that is gone ``[step]``."""

    probability: FloatArray
    gone: FloatArray

    @property
    def area(self) -> float:
        """Under it, from nothing gone to all."""
        return float(np.trapezoid(self.probability, self.gone))


def curve(same: SameDraws, windows: Sequence[Window], sizes: FloatArray, family: int) -> Curve:
    """Take windows away one after the other."""
    versions = [occluded(same.run, windows[:count]) for count in range(len(windows) + 1)]
    found = same.probabilities(versions, draws=DRAWS)[:, family]
    gone = np.concatenate([[0.0], np.cumsum(sizes)])
    return Curve(found, gone / max(gone[-1], 1e-30))


def extent(window: Window) -> float:
    """Ions times degC."""
    return len(window.mz) * (window.end_degC - window.start_degC)


def signal(run: PreparedRun, window: Window) -> float:
    """What is above the baseline in a window."""
    inside = (run.temperature >= window.start_degC) & (run.temperature <= window.end_degC)
    ions = np.isin(run.mz, window.mz)
    above = (run.abundance - run.baseline)[np.ix_(inside, ions)]
    return float(np.clip(np.nan_to_num(above), 0, None).sum())


def anywhere(run: PreparedRun, window: Window, dice: np.random.Generator) -> Window:
    """As many ions, as wide a window: which and where is random."""
    mz = dice.choice(run.mz, min(len(window.mz), len(run.mz)), replace=False)
    width = window.end_degC - window.start_degC
    last = max(run.temperature[-1] - width, run.temperature[0])
    start = float(dice.uniform(run.temperature[0], last))
    return Window(tuple(mz.tolist()), start, start + width, start)


def fold_bundles(study: Study) -> list[Bundle]:
    """The shipped ensemble with the members of each fold."""
    shipped = load_bundle()
    bundles = []
    for fold in range(study.manifest.folds):
        members, neighbours = [], None
        for member in shipped.members:
            predictor: Predictor = study.predictor(member.experiment, str(fold))
            if isinstance(predictor, WithEvidence):  # all of a fold have the same neighbours
                neighbours = neighbours or predictor.neighbours
                predictor = WithEvidence(predictor.predictor, neighbours)
            members.append(Member(member.experiment, (predictor,)))
        bundles.append(replace(shipped, members=tuple(members)))
    return bundles


def _deletion(arguments: argparse.Namespace) -> None:
    study, store = Study.open(arguments.study), RunStore.open(arguments.store)
    bundles, folds = fold_bundles(study), Folds.load(study.folds_path, store.ids).fold
    dice = np.random.default_rng(0)
    rows, runs = [], 0
    for place in dice.permutation(len(store)).tolist():
        run = store[place]
        same = SameDraws(bundles[folds[place]], run, DRAWS, 0)
        windows = windows_of(run)
        present = np.flatnonzero(same.probabilities([run])[0] >= EVEN)
        if not len(windows) or not len(present):
            continue
        effects = Effects.of(same, windows)
        rows += [_areas(same, effects, int(family), dice) for family in present]
        runs += 1
        if runs == arguments.runs:
            break
    names = ("strongest first", "random windows of the same size", "own windows, random order")
    print(f"{runs} runs, {len(rows)} calls; each of at least 0.5 at the start")
    areas = np.array(rows)
    for column, name in enumerate(names):
        shown = " ".join(f"{value:8.3f}" for value in areas[:, column].mean(0))
        print(f"{name:34s} {shown}   (by extent, by signal, all gone)")
    ratio = areas[:, 0].mean(0) / areas[:, 1].mean(0)
    print(f"strongest first to random windows: {ratio[0]:.3f}")
    ratio = areas[:, 0].mean(0) / areas[:, 2].mean(0)
    print(f"strongest first to own windows: by extent {ratio[0]:.3f}, by signal {ratio[1]:.3f}")


def _areas(
    same: SameDraws, effects: Effects, family: int, dice: np.random.Generator
) -> list[list[float]]:
    """Area by extent, area by signal, and what is left ``[order][3]``."""
    windows = list(effects.windows)
    strongest = [windows[place] for place in effects.strongest_first(family)]
    orders = [
        strongest,
        [anywhere(same.run, window, dice) for window in strongest],
        [windows[place] for place in dice.permutation(len(windows))],
    ]
    found = []
    for order in orders:
        by_extent = curve(same, order, np.array([extent(each) for each in order]), family)
        signals = np.array([signal(same.run, each) for each in order])
        gone = np.concatenate([[0.0], np.cumsum(signals)]) / max(signals.sum(), 1e-30)
        by_signal = Curve(by_extent.probability, gone)
        found.append([by_extent.area, by_signal.area, float(by_extent.probability[-1])])
    return found


def _shuffled(arguments: argparse.Namespace) -> None:
    store = RunStore.open(arguments.store)
    runs = ResidentRuns.load(store).to("cpu")
    dice = np.random.default_rng(0)
    held = dice.permutation(len(store))[: arguments.runs]
    train = np.setdiff1d(np.arange(len(store)), held)
    experiment = experiment_named("lightgbm_evidence").shortened(TRAINED)
    experiment = experiment.model_copy(update={"sam_like": 0, "missing": 0})
    labels = runs.labels.clone()
    mixed = labels.clone()
    mixed[train] = labels[dice.permutation(train)]
    # Another seed with the same labels shows what chance alone does to a map.
    bundles = [
        _of_one(
            experiment.name,
            train_experiment(experiment, replace(runs, labels=of_training), train, seed),
        )
        for of_training, seed in ((labels, 0), (labels, 1), (mixed, 1))
    ]
    rows = []
    for place in held.tolist():
        run = store[place]
        windows = windows_of(run)
        if len(windows) < 3:
            continue
        maps = [Effects.of(SameDraws(each, run, DRAWS, 0), windows).drop for each in bundles]
        rows.append([_correlation(maps[0], maps[other]) for other in (1, 2)])
    same, other = np.nanmean(rows, 0)
    print(
        f"{len(rows)} runs; correlation of maps with another seed {same:.3f}, with shuffled "
        f"labels {other:.3f}"
    )


def _of_one(name: str, predictor: Predictor) -> Bundle:
    shipped = load_bundle()
    place = shipped.ensemble.names.index(name)
    whole = shipped.ensemble.whole.of_members(np.array([place]))
    member = Member(shipped.members[place].experiment, (predictor,))
    return replace(shipped, members=(member,), ensemble=Ensemble(whole))


def _correlation(one: FloatArray, other: FloatArray) -> float:
    """Of what windows do to the log odds of each family, mean over families."""
    one, other = one - one.mean(0), other - other.mean(0)
    size = np.sqrt((one**2).sum(0) * (other**2).sum(0))
    return float(
        np.nanmean(np.where(size > 0, (one * other).sum(0) / np.maximum(size, 1e-30), np.nan))
    )


def _seconds(arguments: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "egams", "explain", str(arguments.run)]
    wall, cpu = [], []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"whole process: {min(wall):.2f} s at best of 5, {min(cpu):.2f} s of processor time")


if __name__ == "__main__":
    main()
