"""The falling logistic function, in arithmetic that gives the same bits on every machine.

NumPy's own exp differs from processor to processor, and the compiled fit (`kernel/aspls.c`) could
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
_VALUES = 16384  # worked on together: more than NumPy's calls cost, and what caches hold


def falling(x: FloatArray) -> None:
    """Put ``1 / (1 + exp(x))`` in the place of `x`; NaN stays NaN.

    ``exp(x) = 2^n exp(r)`` with ``|r| <= ln 2 / 2``, and ``exp(r) = (even + odd) / (even - odd)``,
    the even and the odd powers of r in the diagonal Pade approximant of order 6. Its coefficients
    are whole numbers, its truncation error is below 2e-19; with rounding the result is within
    4 units in the last place. ln 2 comes in two parts, as in fdlibm's ``e_exp.c``.
    """
    rows = max(1, _VALUES * len(x) // max(1, x.size))
    memory = np.empty((3, min(rows, len(x)), *x.shape[1:]))
    for start in range(0, len(x), rows):
        r = x[start : start + rows]
        n, square, even = memory[:, : len(r)]
        np.clip(r, -_STEEPEST, _STEEPEST, out=r)
        np.multiply(r, _PER_LN_2, out=n)
        n += _WHOLE
        power = n.view(np.int64) << 52
        power += _EXPONENT_OF_1
        n -= _WHOLE
        r -= np.multiply(n, _LN_2, out=even)
        r -= np.multiply(n, _LN_2_REST, out=even)
        np.multiply(r, r, out=square)
        np.add(square, 840.0, out=even)
        even *= square
        even += 75600.0
        even *= square
        even += 665280.0
        odd = np.multiply(square, 42.0, out=n)
        odd += 10080.0
        odd *= square
        odd += 332640.0
        odd *= r
        np.subtract(even, odd, out=r)
        even += odd
        even *= power.view(np.float64)
        even += r
        r /= even
