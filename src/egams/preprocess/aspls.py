"""asPLS: a smooth baseline under every trace, thousands of traces at once.

Adaptive smoothness penalised least squares (Zhang et al. 2020, "Baseline correction for infrared
spectra using adaptive smoothness parameter penalized least squares method", Spectroscopy Letters
53(3), 222-233). In turn, until the weights w stop changing,

* the baseline x solves ``(diag(w) + lam diag(alpha) D'D) x = diag(w) y``;
* w falls from 1 to 0 where the residual ``r = y - x`` rises above its noise, estimated from
  the negative residuals;
* alpha, the local smoothness, is ``|r|`` as a share of its maximum.

Weighting, early exit and stopping rule follow pybaselines 1.2 (``whittaker.aspls``), the library
of the winning solution. Dividing each row by ``lam alpha`` makes the system symmetric and gives it
the weights ``v = w / (lam alpha)`` of a Whittaker smoother.

The iteration is chaotic: rounding alone (a trace turned round, or scaled by 3) lets pybaselines
itself stop after another number of iterations on a quarter of real traces, and moves one baseline
in ten by about a thousandth of its largest value. Two codes cannot agree better than that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.errors import ConfigError, InputError
from egams.kernel import NUMPY, compiled, kernel
from egams.preprocess.pentadiagonal import SHORTEST, Fold
from egams.preprocess.reweighting import STEEPNESS, Batch, Settings

_BLOCK = 1024  # traces that NumPy works on together: enough to hide what its calls cost
_LIKE = 0.4  # shortest trace of a group as a share of its longest: padding costs less than a group


@dataclass(frozen=True, eq=False)
class BaselineFit:
    """Baselines and how they were reached.

    Attributes
    ----------
    baseline
        ``[trace, bin]`` in the units of the traces; NaN on padding.
    iterations
        Number of times the weights were compared ``[trace]``, the length of pybaselines'
        ``tol_history``: 0 for a trace without noise, ``max_iter + 1`` at most.
    converged
        Whether the weights had stopped changing ``[trace]``; False where fewer than two residuals
        were negative, which ends the iteration early, or where `max_iter` was reached.
    """

    baseline: FloatArray
    iterations: IntArray
    converged: BoolArray


def aspls(
    traces: FloatArray,
    lengths: IntArray | None = None,
    *,
    lam: float = 2e6,
    max_iter: int = 100,
    tol: float = 1e-3,
) -> BaselineFit:
    """Fit the asPLS baseline of every trace (method, section 3).

    Parameters
    ----------
    traces
        Abundance in even temperature bins ``[trace, bin]``, padded at the end.
    lengths
        Number of real bins ``[trace]``, each at least 4; None where no trace is padded.
    lam
        Smoothness of the baseline.
    max_iter, tol
        Stop after this many iterations, or once the weights change by less than `tol`
        (relative, Euclidean norm).

    Returns
    -------
    The fit of every trace; it does not depend on the other traces of the call, nor on padding, nor
    on the kernel that computes it.

    Raises
    ------
    InputError
        If shapes disagree, a trace is shorter than 4 bins or holds a value that is not finite.
    ConfigError
        If `lam` is not positive or `max_iter` is negative, or the environment names a kernel that
        does not run here.
    """
    if lam <= 0 or max_iter < 0:
        raise ConfigError(
            f"asPLS with lam {lam}, max_iter {max_iter}; expected lam above 0, max_iter 0 or more."
        )
    traces, lengths = checked(traces, lengths)
    fit, settings = _no_fit(traces), Settings(lam, max_iter, tol)
    instructions = kernel()
    for group in _of_like_length(lengths):
        bins = int(lengths[group].max())
        part = _fit(traces[group, :bins], lengths[group], settings, instructions)
        fit.baseline[group, :bins] = part.baseline
        fit.iterations[group] = part.iterations
        fit.converged[group] = part.converged
    return fit


def checked(traces: FloatArray, lengths: IntArray | None) -> tuple[FloatArray, IntArray]:
    """Return traces ``[trace, bin]`` as float64 with their lengths ``[trace]``, or raise.

    Raises
    ------
    InputError
        If shapes disagree, a trace is shorter than 4 bins or holds a value that is not finite.
    """
    traces = np.asarray(traces, dtype=np.float64)
    if traces.ndim != 2:
        raise InputError(f"traces have shape {traces.shape}", expected="[trace, bin]")
    if lengths is None:
        lengths = np.full(len(traces), traces.shape[1])
    lengths = np.asarray(lengths, dtype=np.intp)
    if lengths.shape != traces.shape[:1]:
        raise InputError(f"{lengths.size} lengths for {len(traces)} traces", expected="one each")
    wrong = np.flatnonzero((lengths < SHORTEST) | (lengths > traces.shape[1]))
    if wrong.size:
        raise InputError(
            f"trace {wrong[0]} has {lengths[wrong[0]]} bins",
            expected=f"{SHORTEST} to {traces.shape[1]} bins",
        )
    real = np.arange(traces.shape[1]) < lengths[:, None]
    wrong = np.flatnonzero(np.any(real & ~np.isfinite(traces), axis=1))
    if wrong.size:
        raise InputError(f"trace {wrong[0]} holds NaN or infinity", expected="finite abundances")
    return np.where(real, traces, 0.0), lengths


def _of_like_length(lengths: IntArray) -> list[IntArray]:
    """Split traces into groups of like length, longest first."""
    order = np.argsort(-lengths, kind="stable")
    groups: list[IntArray] = []
    while order.size:
        size = int(np.count_nonzero(lengths[order] >= _LIKE * lengths[order[0]]))
        groups.append(order[:size])
        order = order[size:]
    return groups


def _no_fit(traces: FloatArray) -> BaselineFit:
    of_trace = len(traces)
    return BaselineFit(
        np.full(traces.shape, np.nan), np.zeros(of_trace, np.int64), np.zeros(of_trace, np.bool_)
    )


def _fit(
    traces: FloatArray, lengths: IntArray, settings: Settings, instructions: str
) -> BaselineFit:
    """Fit traces of like length ``[trace, bin]``."""
    fit, module = _no_fit(traces), compiled()
    if instructions == NUMPY or module is None:
        _fit_by_numpy(fit, traces, lengths, settings)
        return fit
    module.fit(
        *(instructions, np.ascontiguousarray(traces), lengths.astype(np.int64)),
        *(fit.baseline, fit.iterations, fit.converged),
        *(settings.lam, settings.max_iter, settings.tol, STEEPNESS),
    )
    return fit


def _fit_by_numpy(
    fit: BaselineFit, traces: FloatArray, lengths: IntArray, settings: Settings
) -> None:
    """Fit traces of like length ``[trace, bin]`` block by block; what is finished leaves."""
    fold = Fold.of(lengths)
    folded = fold.fold(traces)
    fitted = np.empty_like(folded)
    for start in range(0, len(lengths), _BLOCK):
        place = np.arange(start, min(start + _BLOCK, len(lengths)))
        batch = Batch(fold.take(place), folded[..., place], settings)
        while place.size:
            early, stable = batch.iterate()
            done = early | stable | (batch.age > settings.max_iter)
            finished = place[done]
            fitted[..., finished] = batch.baseline[..., done]
            fit.iterations[finished] = batch.age - early[done]
            fit.converged[finished] = (stable & ~early)[done]
            if done.any():
                place, batch = place[~done], batch.only(~done)
    fit.baseline[:] = fold.unfold(fitted, traces.shape[1], np.nan)
