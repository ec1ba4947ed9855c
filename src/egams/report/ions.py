"""Which ions of a run are drawn, their names and their colours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from egams.ensemble.gases import GASES
from egams.ensemble.predictions import RunPrediction
from egams.explain.peaks import Peak
from egams.explain.species import BY_MZ, SPECIES, Species
from egams.explain.traces import Traces
from egams.families import FAMILIES
from egams.report.colours import BLUE, BROWN, GREEN, INK, OLIVE, ORANGE, PURPLE, SKY, VERMILION

MOST = 6
"""Traces of a figure: more are not told apart."""

COLOURS = {
    18: BLUE,
    44: INK,
    64: ORANGE,
    32: GREEN,
    36: VERMILION,
    30: PURPLE,
    28: SKY,
    34: OLIVE,
    2: BROWN,
}
"""Of the main ion of a gas, the same in all figures."""
SPARE = (PURPLE, SKY, OLIVE, BROWN, GREEN, VERMILION)

_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Ion:
    """An ion to be drawn.

    Parameters
    ----------
    mz
        Its m/z.
    gas
        Name of the gas as it is printed; empty where none is usual.
    colour
        Of its trace.
    proxy_for
        m/z that it stands for, where that was not measured.
    """

    mz: int
    gas: str
    colour: str
    proxy_for: int | None = None

    @property
    def label(self) -> str:
        """Gas and m/z, as they stand at the trace."""
        return f"{self.gas} {self.mz}" if self.gas else f"m/z {self.mz}"


def printed(gas: str) -> str:
    """Return a formula with its numbers below the line.

    Parameters
    ----------
    gas
        As `egams.explain.species` names it.
    """
    return gas.translate(_SUBSCRIPT)


def choose_ions(
    traces: Traces,
    peaks: Sequence[Peak],
    prediction: RunPrediction | None = None,
    *,
    first: Collection[int] = (),
    only: Collection[int] | None = None,
) -> list[Ion]:
    """Choose what a figure draws: ions of the evidence and the calls, H2O, CO2, clear peaks.

    Parameters
    ----------
    traces
        Of the run.
    peaks
        Of the run.
    prediction
        Whose families that are not absent choose their gases, the likeliest first.
    first
        m/z that are drawn in any case, where they were measured.
    only
        m/z that are drawn instead of all this.
    """
    if only is not None:
        return _coloured([ion for mz in only if (ion := _measured(traces, mz)) is not None])
    wanted = [*first, *_of_calls(prediction), 18, 44, *_clearest(traces, peaks), 28]
    chosen: dict[int, Ion] = {}
    for mz in wanted:
        ion = _measured(traces, mz)
        if ion is not None and len(chosen) < MOST:
            chosen.setdefault(ion.mz, ion)
    return _coloured(list(chosen.values()))


def _coloured(ions: list[Ion]) -> list[Ion]:
    taken = {ion.colour for ion in ions if ion.colour}
    free = [colour for colour in SPARE if colour not in taken]
    spare = cycle(free or (INK,))
    return [ion if ion.colour else replace(ion, colour=next(spare)) for ion in ions]


def _of_calls(prediction: RunPrediction | None) -> list[int]:
    """Main ions of the gases of families that are called present or uncertain."""
    if prediction is None:
        return []
    found = []
    for place in (-prediction.probabilities).argsort(kind="stable").tolist():
        if prediction.calls[place] != "absent":
            found += [gas.ions[0] for gas in GASES if FAMILIES[place] in gas.families]
    return found


def _clearest(traces: Traces, peaks: Sequence[Peak]) -> list[int]:
    """Main ions, those first that rise highest over their background; organic ones last."""
    rise: dict[int, float] = {}
    for peak in peaks:
        column = traces.column(peak.mz)
        if column is None or peak.mz not in BY_MZ:
            continue
        level = max(float(np.nanmedian(traces.baseline[:, column])), 0.0)
        largest = float(np.nanmax(traces.signal))
        rise[peak.mz] = max(rise.get(peak.mz, 0.0), peak.height / (level + 1e-6 * largest))
    return sorted(rise, key=lambda mz: (mz not in COLOURS, -rise[mz]))


def _measured(traces: Traces, mz: int) -> Ion | None:
    """Return the ion, or the best proxy that was measured in its place."""
    species = BY_MZ.get(mz) or _proxied(mz)
    if species is None:
        return Ion(mz, "", "") if traces.column(mz) is not None else None
    gas, main_measured = printed(species.name), traces.column(species.mz) is not None
    for ion in (mz, *(proxy.mz for proxy in species.proxies)):
        if traces.column(ion) is not None:
            instead = ion != species.mz and not main_measured
            colour = COLOURS.get(species.mz, "") if ion == species.mz or instead else ""
            return Ion(ion, gas, colour, proxy_for=species.mz if instead else None)
    return None


def _proxied(mz: int) -> Species | None:
    """Gas of which an ion is a proxy."""
    return next((each for each in SPECIES for proxy in each.proxies if proxy.mz == mz), None)
