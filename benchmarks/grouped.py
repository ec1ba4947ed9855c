"""Log loss on grouped folds, where near-duplicate runs never straddle train and test.

python benchmarks/grouped.py STUDY [--ordinary STUDY]

Compares the experiments of a study that was made with ``--grouped``, and their ensemble, with the
reference (LightGBM on random renders), and with a study of the same runs on ordinary folds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.cli.show import console
from egams.ensemble.ensemble import nested_ensemble
from egams.evaluate.bootstrap import interval
from egams.evaluate.table import Table
from egams.logloss import run_losses
from egams.study.folds import Folds
from egams.study.gather import study_predictions
from egams.study.study import Study

REFERENCE = "lightgbm"
ENSEMBLE = "ensemble, nested"
TARGET = 0.75

Losses = dict[str, NDArray[np.float64]]


def losses(study: Study) -> tuple[tuple[str, ...], Losses]:
    """Ids of the runs, and the loss of each by experiment ``[run]``, all in order of the ids."""
    found = study_predictions(study)
    order = np.argsort(found.run_ids)
    of = {
        name: run_losses(found.labels, probabilities)[order]
        for name, probabilities in zip(found.names, found.mean_over_draws, strict=True)
    }
    of[ENSEMBLE] = run_losses(found.labels, nested_ensemble(found).probabilities)[order]
    return tuple(np.array(found.run_ids)[order].tolist()), of


def compared(grouped: Losses, ordinary: Mapping[str, NDArray[np.float64]], folds: Folds) -> Table:
    """A row for each experiment, best first on grouped folds."""
    reference, rng = grouped[REFERENCE], np.random.default_rng(0)
    rows = []
    for name in sorted(grouped, key=lambda name: float(grouped[name].mean())):
        loss = grouped[name]
        change = interval(loss - reference, rng, folds.group)
        there = float(ordinary[name].mean()) if name in ordinary else None
        gain = None if there is None else there - float(ordinary[REFERENCE].mean())
        left = None if gain is None or name == REFERENCE else change.estimate / gain
        ratio = float(loss.mean() / reference.mean())
        ends = change.estimate, change.low, change.high
        rows.append((name, float(loss.mean()), ratio, *ends, there, gain, left))
    return Table(
        (
            *("experiment", "grouped", f"of {REFERENCE}", "change", "low", "high"),
            *("ordinary", "change there", "change left"),
        ),
        tuple(rows),
        f"Mean log loss, out of fold. 'change' is against {REFERENCE} on the same folds, with 95 % "
        "of resamples of the groups; 'change left' is the part of the change on ordinary folds "
        "that is there on grouped ones too.",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--ordinary", type=Path, help="study on ordinary folds")
    arguments = parser.parse_args()
    study = Study.open(arguments.study)
    run_ids, grouped = losses(study)
    ordinary = losses(Study.open(arguments.ordinary))[1] if arguments.ordinary else {}
    folds = Folds.load(study.folds_path, run_ids)
    if folds.group is None or REFERENCE not in grouped:
        parser.error(f"{arguments.study}: not grouped, or without {REFERENCE}")
    groups = np.bincount(folds.group)
    print(
        f"{len(run_ids)} runs in {len(groups)} groups, the largest of {groups.max()}; "
        f"{int(groups[groups > 1].sum())} runs have a near duplicate"
    )
    compared(grouped, ordinary, folds).print(console())
    best = min(grouped, key=lambda name: float(grouped[name].mean()))
    ratio = float(grouped[best].mean() / grouped[REFERENCE].mean())
    print(f"best: {best}, {ratio:.2f} of the reference; to reach {TARGET}")


if __name__ == "__main__":
    main()
