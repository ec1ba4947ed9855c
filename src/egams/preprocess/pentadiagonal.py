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

Folded arrays are ``[row, side, trace]``, see `egams.preprocess.folding`.
"""

from __future__ import annotations

import numpy as np

from egams.arrays import FloatArray
from egams.preprocess.folding import Fold


class WhittakerSolver:
    """Solve ``(diag(v) + D'D) x = diag(v) y`` for a batch of folded traces, reusing its memory.

    Parameters
    ----------
    fold
        Layout of the batch.
    """

    def __init__(self, fold: Fold) -> None:
        rows, shape = fold.rows, (2, fold.traces)
        # Bands that are used together lie side by side, so that one NumPy call serves both:
        # [diagonal, right-hand side] and [p, q, y] of a row, y solving L D y = diag(v) y.
        self._system = np.empty((rows, 2, *shape))
        self._factors = np.zeros((rows + 1, 3, *shape))
        self._solution = np.empty((rows + 1, *shape))
        self._t = np.zeros(shape)
        self._product = np.empty((2, *shape))
        self._diagonal, self._off_diagonal = _bands(fold)
        off_diagonal = [*self._off_diagonal, *[np.full(shape, -4.0)] * rows]
        # Views are cut once: indexing would cost as much as the arithmetic on a narrow batch.
        system, factors, solution = self._system, self._factors, self._solution
        self._forward = [
            (
                *(system[i], system[i, 0], system[i, 1], off_diagonal[i]),
                *(factors[i, 1:], factors[i + 1, 0], factors[i + 1, 2], *factors[i + 2]),
            )
            for i in range(rows - 1)
        ]
        self._backward = [
            (factors[i + 2, :2], solution[i + 1 : i + 3], factors[i + 2, 2], solution[i])
            for i in reversed(range(rows - 1))
        ]

    def solve(self, v: FloatArray, y: FloatArray) -> FloatArray:
        """Return x for weights `v` >= 0 and data `y`, all folded ``[row, side, trace]``.

        At least two weights of a trace must be positive. The result lives in memory that the
        next call overwrites. Every trace is computed by itself: its result does not depend,
        not even in the last bit, on the other traces of the batch.
        """
        diagonal, data = self._system[:, 0], self._system[:, 1]
        np.multiply(v, y, out=data)
        np.add(v, 6.0, out=diagonal)
        outer = len(self._diagonal)
        np.add(v[:outer], self._diagonal, out=diagonal[:outer])
        self._eliminate()
        self._solve_middle()
        self._substitute()
        return self._solution[:-1]

    def _eliminate(self) -> None:
        """Factorise both sides row by row down to the middle and carry the data along."""
        t, product = self._t, self._product
        t_p, t_y = product
        multiply, subtract, divide = np.multiply, np.subtract, np.divide
        t[:] = 0.0
        for both, d, z, off_diagonal, q_y_2, p_1, y_1, p, q, y in self._forward:
            # d[i] = a[i] - q[i-2] - t[i-1] p[i-1];  z[i] = f[i] - y[i-2] - t[i-1] y[i-1]
            subtract(both, q_y_2, both)
            multiply(t, p_1, t_p)
            multiply(t, y_1, t_y)
            subtract(both, product, both)
            divide(1.0, d, q)
            subtract(off_diagonal, p_1, t)
            multiply(t, q, p)
            multiply(z, q, y)

    def _solve_middle(self) -> None:
        """Solve for the two bins in which the sides of each trace meet."""
        p, q, y = self._factors[-1]
        d, z = self._system[-1] - self._factors[-2, 1:]
        d = d - self._t * p - q[::-1]
        z = z - self._t * y - y[::-1]
        off_diagonal = -4.0 - p[0] - p[1]
        ratio = off_diagonal / d[0]
        second = (z[1] - ratio * z[0]) / (d[1] - ratio * off_diagonal)
        first = (z[0] - off_diagonal * second) / d[0]
        self._solution[-2] = first, second
        self._solution[-1] = second, first

    def _substitute(self) -> None:
        """Walk back from the middle to both ends: x[i] = y[i] - p[i] x[i+1] - q[i] x[i+2]."""
        product = self._product
        p_x, q_x = product
        multiply, subtract = np.multiply, np.subtract
        for p_q, x_1_2, y, x in self._backward:
            multiply(p_q, x_1_2, product)
            subtract(y, p_x, x)
            subtract(x, q_x, x)


def _bands(fold: Fold) -> tuple[FloatArray, FloatArray]:
    """Main and first off-diagonal of ``D'D`` near the ends ``[outer row, side, trace]``.

    1, 5, 6, 6, ... and -2, -4, -4, ... from either end. On padding the diagonal is infinite, which
    makes the padded unknowns exactly zero and uncouples them from the trace.
    """
    depth = fold.depth
    diagonal = np.select([depth < 0, depth == 0, depth == 1], [np.inf, 1.0, 5.0], 6.0)
    return diagonal, np.where(depth == 0, -2.0, -4.0)


def kept(v: float) -> float:
    """Return what a sum of 6 and `v` keeps of the digits of `v`.

    Where all weights of a trace are the same small number, each would be cut by the same amount on
    the diagonal but not in the data, which would scale x; so begin with a number that is not cut.
    """
    return (6.0 + v) - 6.0
