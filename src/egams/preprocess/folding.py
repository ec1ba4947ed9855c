"""Fold traces in their middle, so that both ends can be worked on at once.

A *folded* array is ``[row, side, trace]``: side 0 counts bins from the start of the trace, side 1
from its end, and the last row holds the two bins in the middle. Traces lie side by side in memory.
Shorter traces are padded at row 0, where each side begins: all traces meet in the same last row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray, IntArray

SHORTEST = 4
"""Bins a trace needs at least: two in the middle and one at either end."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Layout of a batch of folded traces.

    Parameters
    ----------
    lengths
        Number of bins of each trace ``[trace]``, each at least `SHORTEST`.
    padding
        Empty rows before the first bin ``[side, trace]``.
    rows
        Rows of the folded arrays.
    """

    lengths: IntArray
    padding: IntArray
    rows: int

    @classmethod
    def of(cls, lengths: IntArray) -> Fold:
        """Fold traces of the given numbers of bins ``[trace]`` into as few rows as possible."""
        bins = np.stack([(lengths + 1) // 2, lengths // 2])
        rows = int(bins.max())
        return cls(lengths, rows - bins, rows)

    @property
    def traces(self) -> int:
        """Number of traces."""
        return len(self.lengths)

    @property
    def depth(self) -> IntArray:
        """Distance from the end of the trace, in bins ``[outer row, side, trace]``.

        Negative on padding; all further rows are 2 or deeper.
        """
        rows = min(self.rows, int(self.padding.max(initial=0)) + 2)
        return np.arange(rows)[:, None, None] - self.padding

    def take(self, places: IntArray) -> Fold:
        """Return the layout of some of the traces, in the same rows."""
        return Fold(self.lengths[places], np.take(self.padding, places, axis=1), self.rows)

    def fold(self, traces: FloatArray) -> FloatArray:
        """Fold ``[trace, bin]``; padding becomes 0."""
        folded = np.zeros((self.rows, 2, self.traces))
        for length in np.unique(self.lengths):
            same, (start, end) = self._of_length(length)
            here = traces[same, :length].T
            folded[start:, 0, same] = here[: self.rows - start]
            folded[end:, 1, same] = here[::-1][: self.rows - end]
        return folded

    def unfold(self, folded: FloatArray, bins: int, padding: float) -> FloatArray:
        """Unfold into ``[trace, bin]`` of the given width; bins past the end become `padding`."""
        traces = np.full((self.traces, bins), padding)
        for length in np.unique(self.lengths):
            same, (start, end) = self._of_length(length)
            traces[same, : self.rows - start] = folded[start:, 0, same].T
            traces[same, self.rows - start : length] = folded[end:, 1, same][::-1].T
        return traces

    def _of_length(self, length: int) -> tuple[IntArray, IntArray]:
        """Traces of one length, and their padding on both sides."""
        same = np.flatnonzero(self.lengths == length)
        return same, self.padding[:, same[0]]
