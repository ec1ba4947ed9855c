"""Whittaker smoothing of many traces at once: a pentadiagonal solver in plain NumPy.

The system is ``(diag(v) + D'D) x = diag(v) y`` for every trace, D being second-order differences.
It is pentadiagonal, symmetric and positive definite, so it is factorised without pivoting, as in
PTRANS-I (Askar & Karawia 2015, "On solving pentadiagonal linear systems via transformations",
doi:10.1155/2015/232456), here in its symmetric form: the outer bands of ``D'D`` are ones, which
leaves three unknown bands ``p = L[i + 1, i]``, ``q = L[i + 2, i] = 1 / d`` and
``t = p d = L[i + 1, i] d``.

Two arrangements make that fast without compiled code:

* every step is one NumPy operation on all traces, which lie side by side in memory;
* each trace is folded in its middle and eliminated from both ends at once (a twisted
  factorisation), which halves the number of Python steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import FloatArray, IntArray

Bands = tuple[FloatArray, FloatArray]

SHORTEST = 4
"""Bins a trace needs at least: two in the middle and one at either end."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Layout of a batch of traces, folded in their middle.

    A *folded* array is ``[row, side, trace]``: side 0 counts bins from the start of the trace, side
    1 from its end, and the last row holds the two bins in the middle. Traces lie side by side in
    memory. Shorter traces are padded at row 0, where each side begins: all traces meet in the same
    last row.

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


def bands(fold: Fold) -> Bands:
    """Main and first off-diagonal of ``D'D`` near the ends ``[outer row, side, trace]``.

    1, 5, 6, 6, ... and -2, -4, -4, ... from either end. On padding the diagonal is infinite, which
    makes the padded unknowns exactly zero and uncouples them from the trace.
    """
    depth = fold.depth
    diagonal = np.select([depth < 0, depth == 0, depth == 1], [np.inf, 1.0, 5.0], 6.0)
    return diagonal, np.where(depth == 0, -2.0, -4.0)


def smooth(bands: Bands, v: FloatArray, y: FloatArray) -> FloatArray:
    """Solve ``(diag(v) + D'D) x = diag(v) y``, all folded ``[row, side, trace]``.

    At least two weights `v` >= 0 of a trace must be positive. Every trace is computed by itself:
    its result does not depend, not even in the last bit, on the other traces of the batch.
    """
    outer, shape = len(bands[0]), y.shape[1:]
    # What is used together lies side by side, so that one NumPy call serves it: diagonal and
    # right-hand side; p, q and y of a row, y solving L D y = diag(v) y.
    system = np.stack([v + 6.0, v * y], axis=1)
    system[:outer, 0] = v[:outer] + bands[0]
    factors = np.empty((len(v) - 1, 3, *shape))
    before = previous = np.zeros((3, *shape))
    t = np.zeros(shape)
    for i, (row, here) in enumerate(zip(system, factors, strict=False)):  # down to the middle
        # d[i] = a[i] - q[i-2] - t[i-1] p[i-1];  z[i] = f[i] - y[i-2] - t[i-1] y[i-1]
        d, z = row - before[1:] - t * previous[::2]
        t = (bands[1][i] if i < outer else -4.0) - previous[0]
        np.divide(1.0, d, out=here[1])
        np.multiply(t, here[1], out=here[0])
        np.multiply(z, here[1], out=here[2])
        before, previous = previous, here
    solution = np.empty((len(v) + 1, *shape))
    solution[-2] = _middle(system[-1] - before[1:], t, previous)
    solution[-1] = solution[-2, ::-1]
    for i in reversed(range(len(factors))):  # x[i] = y[i] - p[i] x[i+1] - q[i] x[i+2]
        p_x, q_x = factors[i, :2] * solution[i + 1 : i + 3]
        np.subtract(factors[i, 2] - p_x, q_x, out=solution[i])
    return solution[:-1]


def _middle(
    system: FloatArray, t: FloatArray, factors: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve for the two bins in which the sides of each trace meet."""
    p, q, y = factors
    d = system[0] - t * p - q[::-1]
    z = system[1] - t * y - y[::-1]
    off_diagonal = -4.0 - p[0] - p[1]
    ratio = off_diagonal / d[0]
    second = (z[1] - ratio * z[0]) / (d[1] - ratio * off_diagonal)
    return (z[0] - off_diagonal * second) / d[0], second


def kept(v: float) -> float:
    """Return what a sum of 6 and `v` keeps of the digits of `v`.

    Where all weights of a trace are the same small number, each would be cut by the same amount on
    the diagonal but not in the data, which would scale x; so begin with a number that is not cut.
    """
    return (6.0 + v) - 6.0
