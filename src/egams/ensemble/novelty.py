"""Novelty: how a run differs from the training runs, in words.

An ensemble predicts for any run, however unusual. Here each property that models depend on is
compared with the training runs: the instrument, the measured m/z, the temperatures, the scans, the
background, and the distance to the nearest training run. Limits are quantiles of the training runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.artifact import STRICT
from egams.conventions import MZ_COUNT
from egams.ensemble.calibration import Instruments, OfInstrument, instrument_rows
from egams.ensemble.gases import GASES, Gas
from egams.errors import InputError
from egams.families import INSTRUMENTS, Instrument
from egams.spectrogram.context import CONTEXT_FEATURES, Context, background_at

NEARLY_ALL = 0.99
"""Share of training runs that measured an ion or a gas, from which on its absence is unusual."""

USUALLY = 0.9
"""Share of training runs that started as early and were heated as far as runs usually are."""

BEARABLE = 48.0
"""Where a run starts so much later or ends so much earlier, degC, members are better put together
as for runs that lack data: measured out of fold on runs cut at steps of 100 degC."""

FEW_RUNS = 20
"""With fewer training runs of an instrument, little is known of it."""


@dataclass(frozen=True)
class Quantity:
    """Something measured of a run, with a limit on one side.

    Parameters
    ----------
    name
        As in `Novelty.limits`.
    unusual
        Side of the limit that is unusual.
    message
        Describes a run there, with its ``value`` and the ``limit``.
    tail
        Share of training runs on that side.
    """

    name: str
    unusual: Literal["above", "below"]
    message: str
    tail: float = 0.005

    def limit(self, values: FloatArray) -> float:
        """Quantile of the training runs ``[run]``; a value that one of them has."""
        if self.unusual == "above":
            return float(np.quantile(values, 1 - self.tail, method="higher"))
        return float(np.quantile(values, self.tail, method="lower"))

    def beyond(self, values: FloatArray, limit: float) -> BoolArray:
        """Whether each value is on the unusual side ``[run]``."""
        return values > limit if self.unusual == "above" else values < limit


QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "mz_count",
        "below",
        "{value:.0f} m/z measured; nearly all training runs have {limit:.0f} or more",
    ),
    Quantity(
        "start",
        "above",
        "starts at {value:.0f} degC, nearly all training runs by {limit:.0f}: gas released below "
        "is not seen",
    ),
    Quantity(
        "end",
        "below",
        "ends at {value:.0f} degC, nearly all training runs not before {limit:.0f}: gas released "
        "above is not seen",
    ),
    Quantity(
        "scans", "below", "{value:.0f} scans; nearly all training runs have {limit:.0f} or more"
    ),
    Quantity(
        "step",
        "above",
        "{value:.1f} degC from scan to scan; nearly all training runs have {limit:.1f} or less",
    ),
    Quantity(
        "background",
        "above",
        "weak signal: the background is {value:.2g} of the run's maximum, in nearly all "
        "training runs {limit:.2g} or less",
    ),
    Quantity(
        "distance",
        "above",
        "unlike every training run: the nearest is at distance {value:.2f}, of nearly all training "
        "runs at {limit:.2f} or less",
        tail=0.01,
    ),
)
"""Tails of half a percent, one for the distance: few training runs are beyond any limit."""

_NAMES: Mapping[Instrument, str] = {
    "commercial": "a commercial instrument",
    "sam_testbed": "the SAM testbed",
}


def _limit_of_each(given: Mapping[str, float]) -> Mapping[str, float]:
    names = [each.name for each in QUANTITIES]
    if set(given) != set(names):
        raise ValueError(f"expected a limit for {', '.join(names)}")
    return given


_Limit = Annotated[float, Field(ge=-1e9, le=1e9)]
"""Far from what any run has, and within single precision, in which contexts are."""


@pydantic_dataclass(frozen=True, config=STRICT)
class Novelty:
    """What the training runs were like.

    Parameters
    ----------
    runs
        Number of training runs of each instrument.
    usual_mz
        m/z that nearly all of them measured.
    usual_gases
        Names of those of `egams.ensemble.gases` that nearly all of them measured by one ion or
        another.
    usually_heated
        Temperatures that nine of ten had started by and reached, degC.
    limits
        Limit of each of `QUANTITIES`: ``mz_count``, ``start`` and ``end``, degC, ``scans``,
        ``step``, degC, ``background``, geometric mean over the usual m/z of the 0.05 quantile,
        relative to the run's maximum, ``distance`` to the nearest training run.
    """

    runs: OfInstrument[int]
    usual_mz: tuple[Annotated[int, Field(ge=0, lt=MZ_COUNT)], ...]
    usual_gases: tuple[str, ...]
    usually_heated: tuple[_Limit, _Limit]
    limits: Annotated[Mapping[str, _Limit], AfterValidator(_limit_of_each)]

    def flags(
        self, context: ArrayLike, nearest_distance: ArrayLike, instruments: Instruments
    ) -> tuple[tuple[str, ...], ...]:
        """Describe what is unusual about runs.

        Parameters
        ----------
        context
            As `egams.spectrogram.context` describes runs ``[run, 206]``.
        nearest_distance
            Distance to the nearest training run, measured as in the fit ``[run]``.
        instruments
            Instrument of each run ``[run]``.

        Returns
        -------
        tuple of tuple of str
            Reasons for each run; none where nothing is unusual.

        Raises
        ------
        InputError
            If shapes disagree, a number is not finite, or an instrument is unknown.
        """
        described, distance, rows = _checked(context, nearest_distance, instruments)
        measured = described.measured
        of_instrument = [self._of_instrument(name) for name in INSTRUMENTS]
        reasons: list[list[str]] = [list(of_instrument[row]) for row in rows.tolist()]
        for gas in GASES:
            for run in np.flatnonzero(self._misses(gas, measured)):
                reasons[run].append(_missing(gas, measured[run]))
        values = _quantities(described, distance, self.usual_mz)
        for quantity in QUANTITIES:
            limit, of_runs = self.limits[quantity.name], values[quantity.name]
            for run in np.flatnonzero(quantity.beyond(of_runs, limit)):
                reasons[run].append(quantity.message.format(value=of_runs[run], limit=limit))
        return tuple(map(tuple, reasons))

    def lacks(self, context: Context) -> BoolArray:
        """Whether less was measured of runs than of nearly all training runs ``[run]``.

        An ion of a gas is missing, many m/z are, or heating started late or ended early.

        Parameters
        ----------
        context
            Of the runs.
        """
        measured = context.measured
        lacking = measured.sum(axis=1) < self.limits["mz_count"]
        start, end = self.usually_heated
        lacking |= context.start_degC > start + BEARABLE
        lacking |= context.end_degC < end - BEARABLE
        for gas in GASES:
            lacking |= self._misses(gas, measured)
        return np.asarray(lacking)

    def _misses(self, gas: Gas, measured: BoolArray) -> BoolArray:
        """Whether an ion is missing that is usual, or every ion of a usual gas ``[run]``."""
        usual = [ion for ion in gas.ions if ion in self.usual_mz]
        lacks: BoolArray = np.any(~measured[:, usual], axis=1)
        return lacks | (~_shown(gas, measured) & (gas.name in self.usual_gases))

    def _of_instrument(self, name: Instrument) -> tuple[str, ...]:
        known, total = self.runs[name] or "none", sum(self.runs.values())
        reason = f"little is known of {_NAMES[name]}: {known} of {total} training runs"
        return (reason,) if self.runs[name] < FEW_RUNS else ()


def fit_novelty(
    context: ArrayLike, nearest_distance: ArrayLike, instruments: Instruments
) -> Novelty:
    """Learn what is usual.

    Parameters and errors as `Novelty.flags`, of the training runs, at least one; the distance is
    that to the nearest other training run.
    """
    described, distance, rows = _checked(context, nearest_distance, instruments)
    if not len(rows):
        raise InputError("no training run", expected="at least one")
    measured = described.measured
    usual_mz = tuple(np.flatnonzero(measured.mean(axis=0) >= NEARLY_ALL).tolist())
    values = _quantities(described, distance, usual_mz)
    counts = np.bincount(rows, minlength=len(INSTRUMENTS)).tolist()
    return Novelty(
        runs=dict(zip(INSTRUMENTS, counts, strict=True)),
        usual_mz=usual_mz,
        usual_gases=tuple(gas.name for gas in GASES if _shown(gas, measured).mean() >= NEARLY_ALL),
        usually_heated=(
            float(np.quantile(described.start_degC, USUALLY, method="higher")),
            float(np.quantile(described.end_degC, 1 - USUALLY, method="lower")),
        ),
        limits={each.name: each.limit(values[each.name]) for each in QUANTITIES},
    )


def _quantities(
    context: Context, distance: FloatArray, usual_mz: Sequence[int]
) -> dict[str, FloatArray]:
    """Values of `QUANTITIES` ``[run]``."""
    usual_measured = context.measured[:, list(usual_mz)].sum(axis=1)
    mean_level = context.level[:, list(usual_mz)].sum(axis=1) / np.maximum(usual_measured, 1)
    return {
        "mz_count": context.measured.sum(axis=1).astype(np.float64),
        "start": context.start_degC,
        "end": context.end_degC,
        "scans": context.scans,
        "step": context.step_degC,
        "background": background_at(mean_level),
        "distance": distance,
    }


def _missing(gas: Gas, measured: BoolArray) -> str:
    """Describe which ions of a gas a run lacks and has, and which families they indicate."""
    lacks = [str(ion) for ion in gas.ions if not measured[ion]]
    has = [str(ion) for ion in gas.ions if measured[ion]]
    left = f", {' and '.join(has)} is" if has else ""
    families = ", ".join(gas.families).replace("_", " ")
    return f"m/z {' and '.join(lacks)} ({gas.name}) not measured{left}: it indicates {families}"


def _shown(gas: Gas, measured: BoolArray) -> BoolArray:
    """Whether a run measured the gas by any ion ``[run]``."""
    return np.asarray(measured[:, list(gas.ions)].any(axis=1))


def _checked(
    context: ArrayLike, distance: ArrayLike, instruments: Instruments
) -> tuple[Context, FloatArray, IntArray]:
    described, away = np.asarray(context, np.float64), np.asarray(distance, np.float64)
    rows = instrument_rows(instruments)
    runs = len(rows)
    if described.shape != (runs, CONTEXT_FEATURES) or away.shape != (runs,):
        raise InputError(
            f"contexts have shape {described.shape}, distances {away.shape}",
            expected=f"[{runs}, {CONTEXT_FEATURES}] and [{runs}], for {runs} instruments",
        )
    if not (np.isfinite(described).all() and np.isfinite(away).all()):
        raise InputError("a context or a distance is not finite", expected="numbers")
    return Context.decode(described), away, rows
