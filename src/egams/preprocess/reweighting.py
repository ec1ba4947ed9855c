"""The iteration of asPLS on a batch of traces: solve, compare with the data, reweight.

See `egams.preprocess.aspls` for the method and its source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import BoolArray, FloatArray
from egams.preprocess.pentadiagonal import Fold, bands, kept, smooth

STEEPNESS = 0.5
"""k of the weights ``1 / (1 + exp(k (r - std) / std))``: `asymmetric_coef` of pybaselines."""

_LEAST = float(np.finfo(np.float64).eps)  # what pybaselines divides by in place of 0
_ALPHA_FLOOR = 1e-150  # stands for alpha = 0, whose row reads x = y: v stays finite
_TINY = float.fromhex("0x1p-1022")  # nothing is divided by less, however small the trace

_STEEPEST = 300.0  # w < 1e-130 is nothing, and its square would be a subnormal, 100 times slower
_WHOLE = 1.5 * 2.0**52  # added, it leaves a whole number in the low bits
_PER_LN_2 = float.fromhex("0x1.71547652b82fep0")
_LN_2 = float.fromhex("0x1.62e42feep-1")  # short enough for its product with n to be exact
_LN_2_REST = float.fromhex("0x1.a39ef35793c76p-33")
_EXPONENT_OF_1 = 1023 << 52


@dataclass(frozen=True)
class Settings:
    """Settings of asPLS, see `egams.preprocess.aspls.aspls`."""

    lam: float
    max_iter: int
    tol: float


class Batch:
    """The iteration on a batch of folded traces, all in the same iteration.

    Arrays are ``[row, side, trace]``: data y, weights w and v = w / (lam alpha).
    """

    def __init__(self, fold: Fold, y: FloatArray, settings: Settings) -> None:
        """Begin with all weights and all alpha 1."""
        self.fold, self.y, self.settings, self.age = fold, y, settings, 0
        self.inside = (fold.depth >= 0).astype(np.float64)
        self.w, self.v = np.ones(y.shape), np.full(y.shape, kept(1 / settings.lam))
        self.w[: len(self.inside)] *= self.inside
        self.w_norm = np.sqrt(_sum(self.w * self.w))
        self.baseline = np.zeros(y.shape)
        self.bands = bands(fold)

    def only(self, some: BoolArray) -> Batch:
        """Return some of the traces, to go on with."""
        y, w, v = (np.compress(some, values, axis=2) for values in (self.y, self.w, self.v))
        batch = Batch(self.fold.take(np.flatnonzero(some)), y, self.settings)
        batch.w, batch.v, batch.w_norm, batch.age = w, v, self.w_norm[some], self.age
        return batch

    def iterate(self) -> tuple[BoolArray, BoolArray]:
        """Fit all baselines once and reweight.

        Returns
        -------
        early
            Traces with fewer than two negative residuals: no noise to learn weights from.
        stable
            Traces whose weights have changed by less than the tolerance.
        """
        self.age += 1
        with np.errstate(all="ignore"):  # traces without noise divide by zero, then leave
            self.baseline = smooth(self.bands, self.v, self.y)
            residual = self.y - self.baseline
            size = np.abs(residual)
            count, std = _noise(residual, size)
            largest = size.max(axis=(0, 1))
            w_before, norm_before = self.w, np.maximum(self.w_norm, _LEAST)

            self.w = falling((residual - std) * (STEEPNESS / std))
            self.w[: len(self.inside)] *= self.inside
            self.w_norm = np.sqrt(_sum(self.w * self.w))
            change = np.sqrt(_sum(np.square(self.w - w_before))) / norm_before

            # v = w / (lam alpha), alpha = |r| / max |r|
            size = np.maximum(size, np.maximum(largest * _ALPHA_FLOOR, _TINY))
            self.v = self.w / size * (largest / self.settings.lam)
        return ~(count >= 2), change < self.settings.tol


def _noise(residual: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Number and standard deviation (n - 1) of the negative residuals of each trace."""
    twice = residual - size  # 2 r or 0, exactly
    sign = np.sign(twice)
    count = -_sum(sign)
    # sign * mean + negative is the deviation where the residual is negative, and 0 elsewhere
    deviation = sign * (_sum(twice) / count) + twice
    std = 0.5 * np.sqrt(_sum(np.square(deviation)) / (count - 1))
    return count, np.where(std == 0, _LEAST, std)


def falling(x: FloatArray) -> FloatArray:
    """Return ``1 / (1 + exp(x))``, to the same bits on every machine; NaN stays NaN.

    NumPy's own exp differs from processor to processor, and the compiled fit could not follow it.
    ``exp(x) = 2^n exp(r)`` with ``|r| <= ln 2 / 2``, and ``exp(r) = (even + odd) / (even - odd)``,
    the even and the odd powers of r in the diagonal Pade approximant of order 6. Its coefficients
    are whole numbers, its truncation error is below 2e-19; with rounding the result is within
    4 units in the last place. ln 2 comes in two parts, as in fdlibm's ``e_exp.c``.
    """
    r = np.clip(x, -_STEEPEST, _STEEPEST)
    n = r * _PER_LN_2
    n += _WHOLE
    power = ((n.view(np.int64) << 52) + _EXPONENT_OF_1).view(np.float64)
    n -= _WHOLE
    r -= n * _LN_2
    r -= n * _LN_2_REST
    square = r * r
    even, odd = square + 840.0, square * 42.0
    for summand in (75600.0, 665280.0):
        even *= square
        even += summand
    odd += 10080.0
    odd *= square
    odd += 332640.0
    odd *= r
    less = even - odd
    even += odd
    even *= power
    even += less
    return np.divide(less, even, out=less)


def _sum(folded: FloatArray) -> FloatArray:
    """Sum over the bins of each trace, ``[row, side, trace]`` to ``[trace]``.

    Row after row, so that neither padding nor the number of traces can change the rounding.
    """
    start, end = np.add.reduce(folded, axis=0)
    return np.asarray(start + end)
