"""Stages: what must have been measured for each of the student's answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import BoolArray
from egams.conventions import FIRST_COLUMN
from egams.spectrogram.coarse import COARSE_BINS, COARSE_STEP, EVERYTHING, CoarseRuns, Mask

SIX_MZ = (18, 28, 32, 36, 44, 64)
"""H2O, CO or N2, O2, HCl, CO2, SO2: what a mass spectrometer behind a thermobalance records."""
SOME_MZ = (12, 15, 16, 17, 18, 28, 30, 32, 34, 36, 44, 46, 48, 64)
"""Those and their fragments."""
LATEST_START = 2
"""Bin that must have been measured: heating that began later was not seen from its start."""


@dataclass(frozen=True)
class Stage:
    """One of the student's answers, and what it takes.

    Parameters
    ----------
    name
        As the card has it.
    mask
        m/z and bins that the answer is from: nothing else that was measured changes it.
    ranks
        Principal components kept of each of `egams.spectrogram.descriptors.DESCRIPTORS`.
    hidden
        Units of the head.
    fewest_mz
        So many of its m/z must have been measured.
    missing_bins
        So many of its bins may lack in a measured m/z.
    ends_early
        So many bins before its last the heating may end.
    """

    name: str
    mask: Mask
    ranks: tuple[int, ...]
    hidden: int
    fewest_mz: int
    missing_bins: int = 2
    ends_early: int = 0

    @property
    def bins(self) -> int:
        """How many bins it is from, the first on."""
        return self.mask.last + 1

    @property
    def must_reach(self) -> int:
        """Bin that must have been measured, for the sample to be heated enough."""
        return self.mask.last - self.ends_early

    @property
    def end_degC(self) -> float:
        """Temperature that the sample must have been heated to."""
        return upper_edge(self.must_reach)

    def judges(self, runs: CoarseRuns) -> BoolArray:
        """Which runs were measured enough ``[run]``."""
        known = ~np.isnan(self.mask.applied(runs))
        enough = known.sum(2) >= self.bins - self.missing_bins
        covered = enough & known[:, :, LATEST_START] & known[:, :, self.must_reach]
        of_six = covered[:, np.isin(self.mask.mz, SIX_MZ)].sum(1)
        return np.asarray((covered.sum(1) >= self.fewest_mz) & (of_six >= len(SIX_MZ) - 1))


def upper_edge(bin_: int) -> float:
    """Temperature where a bin ends, degC."""
    return FIRST_COLUMN + COARSE_STEP * (bin_ + 0.5)


def _listed(mz: tuple[int, ...], end_degC: float | None, ranks: tuple[int, ...]) -> Stage:
    last, early, name = COARSE_BINS - 1, 2, f"{len(mz)} m/z, whole"
    if end_degC is not None:
        last, early = int((end_degC - upper_edge(0)) // COARSE_STEP), 0
        name = f"{len(mz)} m/z, to {end_degC:g} degC"
    return Stage(name, Mask(mz, 0, last), ranks, 3, len(mz), ends_early=early)


SCAN = Stage("all m/z, whole", EVERYTHING, (48, 20, 28, 20), 6, 55, missing_bins=6, ends_early=6)
STAGES = (
    SCAN,
    *(_listed(SOME_MZ, end, (10, 4, 8, 4)) for end in (None, 800, 700, 600, 500, 400, 300)),
    *(_listed(SIX_MZ, end, (8, 3, 6, 3)) for end in (None, 500)),
)
"""In the order in which they are asked: the first that can judge a run answers."""
