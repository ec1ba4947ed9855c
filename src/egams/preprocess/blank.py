"""A blank: a run without sample, scaled and aligned by temperature, subtracted from a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from egams.arrays import FloatArray
from egams.conventions import BIN_WIDTH
from egams.errors import InputError
from egams.run import Run

SAME_MZ = 0.1
"""m/z that differ by no more are one."""
CLEAR = 10.0
"""So many times its own noise is a signal of the blank clear."""
QUIET = 0.25
"""At so many of the temperatures of most m/z, at least, the sample gives off nothing."""
COVERED = 0.5
"""The blank must cover so much of the temperatures of the run."""

_QUARTILE = 0.6745
"""Of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Blank:
    """A run without sample, as means over bins of temperature.

    Parameters
    ----------
    run_id, instrument
        Of the run.
    mz
        ``[m/z]``.
    temperature
        Mean of each bin, degC ``[bin]``, ascending.
    abundance
        ``[bin, m/z]``; NaN where nothing was measured.
    noise
        Standard deviation of a mean ``[m/z]``.
    unit
        Of the signals; empty where it is not known.
    """

    run_id: str
    instrument: str
    mz: FloatArray
    temperature: FloatArray
    abundance: FloatArray
    noise: FloatArray
    unit: str = ""

    @classmethod
    def of(cls, run: Run) -> Blank:
        """Average a run in bins of 4 degC.

        Parameters
        ----------
        run
            Without sample.
        """
        temperature, abundance = _binned(run)
        noise = np.array([_noise(signal[~np.isnan(signal)]) for signal in abundance.T])
        return cls(run.run_id, run.instrument, run.mz, temperature, abundance, noise, run.unit)

    def at(self, place: int, temperature: FloatArray) -> FloatArray:
        """Return the signal of one m/z at temperatures; beyond the blank's own, its end value.

        Parameters
        ----------
        place
            Of the m/z.
        temperature
            degC ``[reading]``.
        """
        held = ~np.isnan(self.abundance[:, place])
        return np.asarray(
            np.interp(temperature, self.temperature[held], self.abundance[held, place])
        )


@dataclass(frozen=True, eq=False)
class FittedBlank:
    """A blank as it is subtracted from one run.

    Parameters
    ----------
    factor
        That the blank is multiplied by.
    signal
        The blank, times the factor, at the readings of the run ``[scan, m/z]``; NaN for m/z that
        the blank has not.
    notes
        In words: the factor, m/z that the blank has not, temperatures that it has not.
    """

    factor: float
    signal: FloatArray
    notes: tuple[str, ...]


def fit_blank(run: Run, blank: Blank) -> FittedBlank:
    """Scale a blank to a run, m/z by m/z, at the temperature of each reading.

    The blank is scaled by one factor for all m/z, since sensitivity differs from day to day: a run
    is its blank, times the factor, and what the sample gave off, which is never negative. So the
    factor is the ratio of run and blank where the sample gives off nothing: for each m/z of which
    the blank has a clear signal the lower quartile of the ratio over temperature, raised by what
    noise alone lowers it, and of those the median.

    Parameters
    ----------
    run
        With sample.
    blank
        Without.

    Raises
    ------
    InputError
        If the two are of different kinds of instrument or have different units, the blank covers
        less than half of the temperatures, they share no m/z, or the blank has no clear signal to
        scale it by.
    """
    if run.instrument != blank.instrument:
        raise _refused(run, blank, f"is of another instrument ({blank.instrument})", "the same")
    if run.unit != blank.unit:
        problem = f"has signals in {blank.unit or 'no unit'}, the run in {run.unit or 'none'}"
        raise _refused(run, blank, problem, "a blank of the same instrument")
    low, high = np.nanmin(run.temperature), np.nanmax(run.temperature)
    first, last = blank.temperature[0], blank.temperature[-1]
    if min(high, last) - max(low, first) < COVERED * (high - low):
        problem = f"goes from {first:.0f} to {last:.0f} degC, the run from {low:.0f} to {high:.0f}"
        raise _refused(run, blank, problem, "a blank over most temperatures of the run")
    shared = _shared(run.mz, blank)
    if not shared:
        raise _refused(run, blank, "has none of its m/z", "a blank of the same m/z")
    factor = _factor(run, blank, shared)
    signal = np.full(run.abundance.shape, np.nan)
    for column, place in shared.items():
        signal[:, column] = factor * blank.at(place, run.reading_temperature[:, column])
    notes = [f"blank {blank.run_id} subtracted, times {factor:.3g}, from {len(shared)} m/z"]
    if len(shared) < run.mz.size:
        notes.append(f"{run.mz.size - len(shared)} m/z are not in the blank: left as measured")
    if low < first - BIN_WIDTH or high > last + BIN_WIDTH:
        notes.append(
            f"beyond the blank's {first:.0f} to {last:.0f} degC its first or last signal was taken"
        )
    return FittedBlank(factor, signal, tuple(notes))


def subtract_blank(run: Run, blank: Blank) -> Run:
    """Subtract a blank, scaled by `fit_blank`, from a run.

    What is below the blank becomes 0. m/z that the blank has not are left as they are.

    Parameters
    ----------
    run
        With sample.
    blank
        Without.

    Raises
    ------
    InputError
        As `fit_blank`.
    """
    fitted = fit_blank(run, blank)
    known = ~np.isnan(fitted.signal)
    abundance = run.abundance.copy()
    np.subtract(abundance, fitted.signal, out=abundance, where=known)
    np.maximum(abundance, 0.0, out=abundance, where=known)
    return replace(run, abundance=abundance, notes=(*run.notes, *fitted.notes))


def _shared(mz: FloatArray, blank: Blank) -> dict[int, int]:
    """Return for places of m/z of a run those of the blank, where it measured them."""
    measured = np.flatnonzero(~np.isnan(blank.abundance).all(0))
    found = {}
    for column, value in enumerate(mz.tolist()):
        away = np.abs(blank.mz[measured] - value)
        if measured.size and away.min() <= SAME_MZ:
            found[column] = int(measured[away.argmin()])
    return found


def _factor(run: Run, blank: Blank, shared: dict[int, int]) -> float:
    temperature, abundance = _binned(run)
    within = (temperature >= blank.temperature[0]) & (temperature <= blank.temperature[-1])
    ratios = []
    for column, place in shared.items():
        below = blank.at(place, temperature[within])
        clear = below > CLEAR * blank.noise[place]
        with np.errstate(all="ignore"):
            ratio = abundance[within, column][clear] / below[clear]
        ratio = ratio[np.isfinite(ratio)]
        if ratio.size >= 0.5 * np.count_nonzero(within):
            ratios.append(float(np.quantile(ratio, QUIET)) + _QUARTILE * _noise(ratio))
    factor = float(np.median(ratios)) if ratios else 0.0
    if not factor > 0:
        raise _refused(
            run, blank, "has no signal above its noise to scale it by", "gases of the background"
        )
    return factor


def _binned(run: Run) -> tuple[FloatArray, FloatArray]:
    """Return the mean temperature of each bin that holds readings, and signals ``[bin, m/z]``."""
    temperature = run.reading_temperature
    measured = ~np.isnan(run.abundance)
    scan, column = np.nonzero(measured)
    degrees, values = temperature[scan, column], run.abundance[scan, column]
    bins, row = np.unique(np.floor(degrees / BIN_WIDTH), return_inverse=True)
    cell, cells = row * run.mz.size + column, bins.size * run.mz.size
    counts = np.bincount(cell, minlength=cells)
    means = np.full(cells, np.nan)
    np.divide(np.bincount(cell, values, cells), counts, out=means, where=counts > 0)
    centres = np.bincount(row, degrees) / np.bincount(row)
    return centres, means.reshape(bins.size, run.mz.size)


def _noise(values: FloatArray) -> float:
    """Return the standard deviation of noise: steps between neighbours are noise, but for few."""
    if values.size < 2:
        return np.inf
    return float(np.median(np.abs(np.diff(values))) / (_QUARTILE * 2.0**0.5))


def _refused(run: Run, blank: Blank, problem: str, expected: str) -> InputError:
    return InputError(f"run '{run.run_id}': its blank {blank.run_id} {problem}", expected=expected)
