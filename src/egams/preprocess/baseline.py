"""The baseline of method section 3: asPLS, and what replaces it where it fails."""

from __future__ import annotations

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.preprocess.aspls import aspls, checked


def baseline(
    traces: FloatArray,
    lengths: IntArray | None = None,
    *,
    max_iter: int = 100,
    tol: float = 1e-3,
) -> FloatArray:
    """Return a finite baseline for every trace (method, section 3).

    asPLS with lam 2e6; where its result is not finite a straight line, and where that is not
    finite either the smallest value of the trace.

    Parameters
    ----------
    traces, lengths, max_iter, tol
        As for `aspls`; when to stop is as the method has it.

    Returns
    -------
    Baselines ``[trace, bin]`` in the units of the traces; NaN on padding.

    Raises
    ------
    InputError
        If shapes disagree, a trace is shorter than 4 bins or holds a value that is not finite.
    """
    traces, lengths = checked(traces, lengths)
    found = aspls(traces, lengths, max_iter=max_iter, tol=tol).baseline
    padding = np.arange(traces.shape[1]) >= lengths[:, None]
    for i in np.flatnonzero(~np.all(np.isfinite(found) | padding, axis=1)):
        trace = traces[i, : lengths[i]]
        line = straight_line(trace)
        found[i, : lengths[i]] = line if np.all(np.isfinite(line)) else trace.min()
    return found


def straight_line(trace: FloatArray) -> FloatArray:
    """Fit a line again and again, cutting the trace down to the line each time.

    Modified polynomial of order 1 (Gan et al. 2006, "Baseline correction by improved iterative
    polynomial fitting with automatic threshold", Chemometr. Intell. Lab. Syst. 82, 59-65), as
    pybaselines 1.2 computes it (``polynomial.modpoly``): until the line moves by less than 1e-3
    (relative, Euclidean norm), or 250 times.

    Parameters
    ----------
    trace
        Abundance in even temperature bins ``[bin]``.

    Returns
    -------
    The line ``[bin]``; not finite where sums over the trace overflow.
    """
    powers = np.linspace(-1.0, 1.0, len(trace))[:, None] ** np.arange(2)
    fit = np.linalg.pinv(powers)
    with np.errstate(all="ignore"):
        line: FloatArray = powers @ (fit @ trace)
        for _ in range(250):
            before = line
            trace = np.minimum(trace, before)
            line = powers @ (fit @ trace)
            scale = max(float(np.linalg.norm(before)), float(np.finfo(np.float64).eps))
            if np.linalg.norm(line - before) < 1e-3 * scale:
                break
    return line
