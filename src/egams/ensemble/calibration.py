"""Calibration: probabilities that match frequencies, for each family and instrument.

Platt 1999 (a line through the logits), with a pull towards no change at all. The line is a sum: one
common to everything, what a family adds, what an instrument adds. So a few runs of one instrument
move that instrument a little, and nothing else.

Where the distance of runs from their nearest training run is known, slope and shift also depend on
it: members are too careful of runs that are near to one, and too sure of those that are far away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from egams.arrays import FloatArray, IntArray
from egams.artifact import STRICT
from egams.errors import InputError
from egams.families import INSTRUMENTS, Instrument
from egams.logistic import sigmoid
from egams.logloss import truth_probability

T = TypeVar("T")
Instruments = Sequence[str] | NDArray[np.str_]

COMMON_PULL = 0.2
"""Standard deviation that the common slope is expected to have around 1; shifts twice that."""

OWN_PULL = 0.05
"""The same for what a family or an instrument adds."""

SHIFT_TO_SLOPE = 2.0

SUREST = 1e-4
"""Probabilities count as no nearer than this to 0 or 1: a logit of 9.2 at most."""

SMALLEST_SLOPE = 0.05
"""Keeps the order of runs that are equally far away, whatever the labels."""

FARTHEST = 2.0
"""Logarithms of distances count as no further than this from the typical one."""


@dataclass(frozen=True, config=STRICT)
class ByDistance:
    """What the distance of a run changes.

    With ``u`` = log(distance / typical), the slope is multiplied by ``exp(exponent * u)``, and
    ``shift * u`` is added to the shift.

    Parameters
    ----------
    typical
        Median distance of the runs it was fitted on from their nearest training run.
    exponent, shift
        As above.
    """

    typical: Annotated[float, Field(gt=0)]
    exponent: float
    shift: float

    def how_far(self, distance: ArrayLike) -> FloatArray:
        """Return ``u`` of each distance ``[run, 1]``."""
        ratio = np.maximum(np.asarray(distance, np.float64), 1e-9) / self.typical
        return np.asarray(np.clip(np.log(ratio), -FARTHEST, FARTHEST)[:, None])


def _of_every_instrument(given: Mapping[Instrument, T]) -> Mapping[Instrument, T]:
    sizes = {len(values) for values in given.values() if isinstance(values, tuple)}
    if set(given) != set(INSTRUMENTS) or len(sizes) > 1:
        raise ValueError(f"expected equally many values for {' and '.join(INSTRUMENTS)}")
    return given


OfInstrument = Annotated[Mapping[Instrument, T], AfterValidator(_of_every_instrument)]
"""A value of every instrument."""

ByInstrument = OfInstrument[tuple[T, ...]]
"""Values of every instrument ``[family]``."""


@dataclass(frozen=True, config=STRICT)
class Calibration:
    """``logit' = slope * logit + shift``.

    Parameters
    ----------
    slope, shift
        Of each instrument ``[family]``.
    runs
        Runs of each instrument it was fitted on.
    by_distance
        What the distance from the nearest training run adds; None where none was known.
    """

    slope: ByInstrument[float]
    shift: ByInstrument[float]
    runs: OfInstrument[int]
    by_distance: ByDistance | None = None

    def __post_init__(self) -> None:
        """Refuse a slope without a shift."""
        if len({len(values) for values in (*self.slope.values(), *self.shift.values())}) != 1:
            raise ValueError("slopes and shifts are for unequal numbers of families")

    def apply(
        self,
        probability: ArrayLike,
        instruments: Instruments,
        distance: ArrayLike | None = None,
    ) -> FloatArray:
        """Calibrate.

        Parameters
        ----------
        probability
            ``[..., run, family]``, 0 to 1.
        instruments
            Instrument of each run ``[run]``.
        distance
            Of each run from its nearest training run ``[run]``; None counts as typical.

        Returns
        -------
        FloatArray
            Of the same shape, above 0 and below 1. The order of equally distant runs within a
            family and an instrument stays.

        Raises
        ------
        InputError
            If runs or families disagree, or an instrument is unknown.
        """
        p, slope, shift = beside_runs(probability, instruments, self.slope, self.shift)
        if self.by_distance is not None and distance is not None:
            far = self.by_distance.how_far(distance)
            slope = slope * np.exp(self.by_distance.exponent * far)
            shift = shift + self.by_distance.shift * far
        return np.asarray(sigmoid(slope * logit(p) + shift))


def fit_calibration(
    truth: ArrayLike,
    probability: ArrayLike,
    instruments: Instruments,
    distance: ArrayLike | None = None,
) -> Calibration:
    """Fit on out-of-fold predictions.

    Minimises the log loss, summed over runs and averaged over families (the families of a run are
    wrong together, so a run counts once), plus half the squared deviations from no change, each in
    units of its expected standard deviation (`COMMON_PULL`, `OWN_PULL`; 1 for what distance adds).
    Without distances the problem is convex.

    Parameters
    ----------
    truth
        0 or 1 ``[run, family]``.
    probability
        Out-of-fold probabilities ``[run, family]``.
    instruments
        Instrument of each run ``[run]``. One without runs gets the maps of the families.
    distance
        Of each run from its nearest training run ``[run]``; None where it is not known.

    Raises
    ------
    InputError
        If shapes disagree or an instrument is unknown; and as `egams.logloss.truth_probability`.
    """
    truth_probability(truth, probability)
    y = np.asarray(truth, dtype=np.float64)
    logits = logit(np.asarray(probability, dtype=np.float64))
    rows = instrument_rows(instruments, len(y))
    far, unfitted = np.zeros((len(y), 1)), None
    if distance is not None:
        unfitted = ByDistance(max(float(np.median(np.asarray(distance))), 1e-9), 0.0, 0.0)
        far = unfitted.how_far(distance)
    slope, shift, by_distance = _fit(y, logits, rows, far)
    counts = np.bincount(rows, minlength=len(INSTRUMENTS)).tolist()
    return Calibration(
        slope=by_instrument(slope.tolist()),
        shift=by_instrument(shift.tolist()),
        runs=dict(zip(INSTRUMENTS, counts, strict=True)),
        by_distance=None if unfitted is None else ByDistance(unfitted.typical, *by_distance),
    )


def logit(probabilities: FloatArray) -> FloatArray:
    """Log odds of probabilities, none surer than `SUREST`."""
    return np.asarray(-np.log(1 / np.clip(probabilities, SUREST, 1.0 - SUREST) - 1))


def instrument_rows(instruments: Instruments, runs: int | None = None) -> IntArray:
    """Place of each run's instrument in `egams.families.INSTRUMENTS` ``[run]``.

    Raises
    ------
    InputError
        If an instrument is unknown, or there is not one for each of `runs`.
    """
    names = np.asarray(instruments, dtype=np.str_)
    if runs is not None and names.shape != (runs,):
        raise InputError(f"{names.size} instruments for {runs} runs", expected="one for each")
    matches = names[:, None] == np.array(INSTRUMENTS)
    unknown = names[~matches.any(axis=1)]
    if unknown.size:
        raise InputError(f"unknown instrument '{unknown[0]}'", expected=" or ".join(INSTRUMENTS))
    return np.asarray(matches.argmax(axis=1))


def by_instrument(rows: Sequence[Sequence[T]]) -> dict[Instrument, tuple[T, ...]]:
    """Name the rows ``[instrument, family]`` of a table."""
    return {name: tuple(row) for name, row in zip(INSTRUMENTS, rows, strict=True)}


def beside_runs(
    probability: ArrayLike,
    instruments: Instruments,
    *tables: Mapping[Instrument, tuple[float, ...]],
) -> list[FloatArray]:
    """Probabilities ``[..., run, family]``, and each table's values beside them ``[run, family]``.

    Raises
    ------
    InputError
        If runs or families disagree, or an instrument is unknown.
    """
    p, rows = np.asarray(probability, dtype=np.float64), instrument_rows(instruments)
    of_runs = [np.array([table[name] for name in INSTRUMENTS])[rows] for table in tables]
    runs, families = of_runs[0].shape
    if p.ndim < 2 or p.shape[-2:] != (runs, families):
        raise InputError(
            f"probabilities have shape {p.shape}",
            expected=f"[..., {runs}, {families}], run and family",
        )
    return [p, *of_runs]


def _fit(
    y: FloatArray, logits: FloatArray, rows: IntArray, far: FloatArray
) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
    """Slope and shift ``[instrument, family]``, and exponent and shift by distance."""
    from scipy.optimize import minimize

    families, kinds = y.shape[1], len(INSTRUMENTS)
    terms = 1 + families + kinds
    pull = np.array([COMMON_PULL, *[OWN_PULL] * (families + kinds)])

    def maps(free: FloatArray) -> tuple[FloatArray, FloatArray]:
        return 1.0 + _sum_up(free[:terms] * pull, families), _sum_up(
            free[terms : 2 * terms] * pull * SHIFT_TO_SLOPE, families
        )

    def loss(free: FloatArray) -> tuple[float, FloatArray]:
        slope, shift = maps(free)
        exponent, far_shift = free[2 * terms :]
        sloped = slope[rows] * logits * np.exp(exponent * far)
        z = sloped + shift[rows] + far_shift * far
        wrong = (sigmoid(z) - y) / families
        value = float((np.logaddexp(0.0, z) - y * z).sum() / families + 0.5 * free @ free)
        slopes, shifts = np.zeros((kinds, families)), np.zeros((kinds, families))
        np.add.at(slopes, rows, wrong * logits * np.exp(exponent * far))
        np.add.at(shifts, rows, wrong)
        by_far = np.array([(wrong * sloped * far).sum(), (wrong * far).sum()])
        gradient = [_hand_down(slopes) * pull, _hand_down(shifts) * pull * SHIFT_TO_SLOPE, by_far]
        return value, np.concatenate(gradient) + free

    found = minimize(
        loss,
        np.zeros(2 * terms + 2),
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-8},
    )
    slope, shift = maps(np.asarray(found.x))
    exponent, far_shift = found.x[2 * terms :].tolist()
    return np.maximum(slope, SMALLEST_SLOPE), shift, (exponent, far_shift)


def _sum_up(terms: FloatArray, families: int) -> FloatArray:
    """Common + family + instrument ``[instrument, family]``."""
    common, of_family, of_instrument = np.split(terms, [1, 1 + families])
    return common + of_family + of_instrument[:, None]


def _hand_down(cells: FloatArray) -> FloatArray:
    """Gradient of the terms of `_sum_up` from that of ``[instrument, family]``."""
    return np.concatenate([[cells.sum()], cells.sum(axis=0), cells.sum(axis=1)])
