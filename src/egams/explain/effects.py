"""What windows of a run do to its probabilities: without each, with each alone, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from egams.arrays import FloatArray
from egams.explain.explanation import HALF, Together
from egams.explain.occlude import occluded
from egams.explain.same_draws import SameDraws
from egams.explain.windows import Window

SCREENING_DRAWS = 2
"""So many of the draws choose the windows that all draws are then spent on."""
SHOWN, OPPOSING = 6, 1
"""Windows of a family, for and against it."""


@dataclass(frozen=True)
class Effects:
    """Windows of a run, and what they do.

    Parameters
    ----------
    same
        The run's draws.
    windows
        Its windows ``[window]``.
    drop
        By how much the log odds fall without each ``[window, family]``, by few draws.
    rise
        By how much each alone raises them above those without any ``[window, family]``.
    """

    same: SameDraws
    windows: tuple[Window, ...]
    drop: FloatArray
    rise: FloatArray

    @classmethod
    def of(cls, same: SameDraws, windows: Sequence[Window]) -> Self:
        """Screen windows.

        Parameters
        ----------
        same, windows
            As for the class.
        """
        run, count = same.run, len(windows)
        versions = [run, occluded(run, windows)]
        versions += [occluded(run, [window]) for window in windows]
        versions += [occluded(run, windows, kept=[window]) for window in windows]
        few = same.probabilities(versions, draws=SCREENING_DRAWS)
        odds = np.log(few) - np.log1p(-few)
        return cls(same, tuple(windows), odds[0] - odds[2 : 2 + count], odds[2 + count :] - odds[1])

    def strongest_first(self, family: int) -> list[int]:
        """Windows in the order of what they do for a family, absent and alone.

        Parameters
        ----------
        family
            Its place.
        """
        support = self.drop[:, family] + self.rise[:, family]
        order: list[int] = (-support).argsort(kind="stable").tolist()
        return order

    def shown(self, family: int) -> list[int]:
        """Choose the windows that do most for a family, and the one that most opposes it.

        Parameters
        ----------
        family
            Its place.
        """
        drop = self.drop[:, family]
        by_drop = (-drop).argsort(kind="stable").tolist()
        chosen = [*self.strongest_first(family)[:SHOWN], *by_drop[:SHOWN], *by_drop[-OPPOSING:]]
        return list(dict.fromkeys(chosen))

    def of_windows(self, places: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Probabilities without each of some windows, and with each alone ``[window, family]``.

        Parameters
        ----------
        places
            Of the windows.
        """
        run, some = self.same.run, [self.windows[place] for place in places]
        versions = [occluded(run, [window]) for window in some]
        versions += [occluded(run, self.windows, kept=[window]) for window in some]
        found = self.same.probabilities(versions)
        return found[: len(some)], found[len(some) :]

    def together(self, family: int) -> Together:
        """Find few windows that bring a probability under one half.

        The strongest are taken away one after the other until it is; then those that turn out not
        to be needed are put back, the weakest first.

        Parameters
        ----------
        family
            Its place.
        """
        order = self.strongest_first(family)
        fallen = self._without([order[: k + 1] for k in range(len(order))], family, SCREENING_DRAWS)
        low = np.flatnonzero(fallen < HALF)
        taken = order[: int(low[0]) + 1] if low.size else order
        if low.size:
            for place in taken[::-1]:
                fewer = [each for each in taken if each != place]
                if fewer and self._without([fewer], family, SCREENING_DRAWS)[0] < HALF:
                    taken = fewer
        left = float(self._without([taken], family, None)[0])
        for place in order:
            if left < HALF:
                break
            if place not in taken:
                taken = [*taken, place]
                left = float(self._without([taken], family, None)[0])
        return Together(tuple(self.windows[place] for place in taken), left)

    def _without(self, sets: Sequence[Sequence[int]], family: int, draws: int | None) -> FloatArray:
        run = self.same.run
        versions = [occluded(run, [self.windows[place] for place in each]) for each in sets]
        return self.same.probabilities(versions, draws=draws)[:, family]
