"""Training runs as laboratories would have measured them that record less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egams.arrays import IntArray
from egams.preprocess.missing import Missing, without
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.draw import stream
from egams.spectrogram.resident import ResidentRuns

USUAL_MZ = (
    2,
    12,
    *range(14, 19),
    20,
    22,
    28,
    30,
    32,
    34,
    35,
    36,
    38,
    44,
    45,
    46,
    48,
    64,
    66,
    70,
    76,
)
"""What evolved-gas analysts record where they do not scan."""
BALANCE_MZ = (2, 12, 15, 16, 17, 18, 28, 30, 32, 34, 36, 44, 46, 48, 64)
"""What a mass spectrometer behind a thermobalance records some of."""
ALWAYS_MZ = (18, 44)
KINDS = 24
"""Different ways of missing in one training: each needs a Gaussian process of its own."""
HELD_OUT_KINDS, HELD_OUT_VERSIONS = 12, 2
"""The same for the runs that one fold holds out, and how many versions there are of each."""


def missing_versions(
    runs: Sequence[PreparedRun],
    positions: IntArray,
    share: float,
    seed: Sequence[int],
    *,
    count: int = KINDS,
) -> tuple[ResidentRuns, IntArray]:
    """Make versions of some runs with data missing: `share` times as many as there are.

    Parameters
    ----------
    runs
        Prepared runs, such as a store.
    positions
        Which of them ``[run]``.
    share
        Versions for each run.
    seed
        Whole numbers, none negative: decide what is missing.
    count
        Different ways of missing.

    Returns
    -------
    ResidentRuns
        Versions, in NumPy.
    IntArray
        Which of `positions` each is a version of ``[version]``.
    """
    generator = stream(b"missing", seed)
    lists = [tuple(runs[place].mz.tolist()) for place in positions.tolist()]
    kinds = [draw_missing(lists, generator) for _ in range(count)]
    rounds = -(-round(share * len(positions)) // len(positions))
    shuffled = [generator.permutation(len(positions)) for _ in range(rounds)]
    own = np.concatenate(shuffled)[: round(share * len(positions))]
    chosen = generator.integers(count, size=len(own))
    versions = [
        without(runs[int(positions[place])], kinds[kind])
        for place, kind in zip(own.tolist(), chosen.tolist(), strict=True)
    ]
    return ResidentRuns.load(versions), own


def draw_missing(lists: Sequence[tuple[int, ...]], generator: np.random.Generator) -> Missing:
    """Draw what was measured: a list of m/z, and from where to where the sample was heated.

    In half of the draws all m/z are recorded, else some of those that laboratories usually record,
    that thermobalances do, that one of the `lists` has, or any. In half the heating ends early, in
    one of five it begins late.

    Parameters
    ----------
    lists
        m/z of training runs: among them are those of the SAM testbed.
    generator
        The only source of randomness.
    """
    kind = generator.choice(["all", "usual", "balance", "run", "any"], p=[0.4, 0.2, 0.2, 0.1, 0.1])
    mz: tuple[int, ...] | None = None
    if kind == "usual":
        mz = _some(USUAL_MZ, 12, generator)
    elif kind == "balance":
        mz = _some(BALANCE_MZ, 4, generator, at_most=9)
    elif kind == "run":
        mz = min((lists[int(place)] for place in generator.integers(len(lists), size=20)), key=len)
    elif kind == "any":
        mz = _some(tuple(range(1, 100)), 20, generator)
    ends_early = mz is None or generator.random() < 0.4
    end = float(generator.uniform(300, 950)) if ends_early else np.inf
    start = float(generator.uniform(60, 350)) if generator.random() < 0.2 else -np.inf
    return Missing(mz, start, end if end - max(start, 0) > 150 else np.inf)


def _some(
    mz: tuple[int, ...], at_least: int, generator: np.random.Generator, at_most: int | None = None
) -> tuple[int, ...]:
    count = generator.integers(at_least, (at_most or len(mz)) + 1)
    drawn = generator.choice(mz, count, replace=False).tolist()
    return tuple(sorted({*drawn, *ALWAYS_MZ}))
