"""The falling logistic function, in arithmetic that gives the same bits on every machine.

NumPy's own exp differs from processor to processor, and the compiled fit (`compiled/aspls.c`) could
not follow it. Here IEEE 754 rounds every operation.
"""

from __future__ import annotations

import numpy as np

from egams.arrays import FloatArray

_STEEPEST = 300.0  # w < 1e-130 is nothing, and its square would be a subnormal, 100 times slower
_WHOLE = 1.5 * 2.0**52  # added, it leaves a whole number in the low bits
_PER_LN_2 = float.fromhex("0x1.71547652b82fep0")
_LN_2 = float.fromhex("0x1.62e42feep-1")  # short enough for its product with n to be exact
_LN_2_REST = float.fromhex("0x1.a39ef35793c76p-33")
_EXPONENT_OF_1 = 1023 << 52


def falling(x: FloatArray) -> FloatArray:
    """Return ``1 / (1 + exp(x))``; NaN stays NaN.

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
