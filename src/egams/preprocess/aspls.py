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
from egams.preprocess.folding import SHORTEST, Fold
from egams.preprocess.kernel import NUMPY, compiled, kernel
from egams.preprocess.reweighting import Batch, Settings

_SLOTS = 512  # traces worked on together: enough to hide NumPy's call overhead, small for caches
_EMPTY = 0.125  # share of the slots that may be empty before they are refilled or removed
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
    asymmetric_coef: float = 0.5,
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
    asymmetric_coef
        Steepness k of the weights.

    Returns
    -------
    The fit of every trace; it does not depend on the other traces of the call, nor on padding, nor
    on the kernel that computes it.

    Raises
    ------
    InputError
        If shapes disagree, a trace is shorter than 4 bins or holds a value that is not finite.
    ConfigError
        If `lam` or `asymmetric_coef` is not positive or `max_iter` is negative, or the environment
        names a kernel that does not run here.
    """
    if lam <= 0 or asymmetric_coef <= 0 or max_iter < 0:
        raise ConfigError(
            f"asPLS with lam {lam}, asymmetric_coef {asymmetric_coef}, max_iter {max_iter}; "
            "lam and asymmetric_coef must be positive, max_iter must not be negative."
        )
    traces, lengths = checked(traces, lengths)
    fit = BaselineFit(
        np.full(traces.shape, np.nan),
        np.zeros(len(traces), dtype=np.intp),
        np.zeros(len(traces), dtype=np.bool_),
    )
    settings, instructions = Settings(lam, max_iter, tol, asymmetric_coef), kernel()
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


def _fit(
    traces: FloatArray, lengths: IntArray, settings: Settings, instructions: str
) -> BaselineFit:
    """Fit traces of like length ``[trace, bin]``."""
    module = compiled()
    if instructions == NUMPY or module is None:
        return _fit_by_numpy(traces, lengths, settings)
    fit = BaselineFit(
        np.full(traces.shape, np.nan),
        np.zeros(len(traces), dtype=np.int64),
        np.zeros(len(traces), dtype=np.bool_),
    )
    arrays = fit.baseline, fit.iterations, fit.converged
    module.fit(
        *(instructions, np.ascontiguousarray(traces), lengths.astype(np.int64), *arrays),
        *(settings.lam, settings.max_iter, settings.tol, settings.coef),
    )
    return fit


def _fit_by_numpy(traces: FloatArray, lengths: IntArray, settings: Settings) -> BaselineFit:
    """Fit traces of like length ``[trace, bin]``.

    Traces occupy slots, and the slots of finished traces are refilled: so the arrays stay wide,
    although some traces need five iterations and others a hundred.
    """
    fold = Fold.of(lengths)
    folded = fold.fold(traces)
    fitted = np.empty_like(folded)
    iterations = np.zeros(len(lengths), dtype=np.intp)
    converged = np.zeros(len(lengths), dtype=np.bool_)

    slots = np.arange(min(_SLOTS, len(lengths)))  # the trace in each slot, -1: none
    started = len(slots)
    batch = Batch.of(fold.take(slots), np.take(folded, slots, axis=2), settings)
    while slots.size:
        early, stable = batch.iterate()
        done = early | stable | (batch.age > settings.max_iter)
        leaving = np.flatnonzero(done & (slots >= 0))
        finished = slots[leaving]
        fitted[..., finished] = batch.baseline[..., leaving]
        iterations[finished] = batch.age[leaving] - early[leaving]
        converged[finished] = (stable & ~early)[leaving]
        slots[leaving] = -1

        stay = np.flatnonzero(slots >= 0)
        empty = slots.size - stay.size
        if empty > _EMPTY * slots.size:
            entering = np.arange(started, min(started + empty, len(lengths)))
            started += entering.size
            slots = np.concatenate([slots[stay], entering])
            batch = batch.refill(stay, np.take(folded, entering, axis=2), fold.take(slots))
    return BaselineFit(fold.unfold(fitted, traces.shape[1], np.nan), iterations, converged)
