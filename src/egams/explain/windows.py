"""Windows of evidence: one gas, in one peak, with all its ions that rise and fall together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.conventions import BIN_WIDTH
from egams.explain.species import BY_MZ, MOVES_WITH, SPECIES, name_of
from egams.explain.traces import Traces, traces_of_prepared
from egams.preprocess.prepare_runs import PreparedRun

NOISE_TIMES = 6.0
"""A peak rises above what parts it from higher ones by so many times the noise of its trace."""
LEAST_RISE = 0.2
"""And by this share of its own height."""
LEAST_SHARE = 0.005
"""And by this share of the highest peak of its ion."""
EDGE = 0.01
"""A window ends where the signal falls below this share of its height, or below the noise."""
TOGETHER = 0.9
"""Correlation in a window from which on ions move together."""
MOST_TIMES = 2.0
"""A fragment that is so many times larger than its gas can make it is another gas's own."""
NEAR = 12.0
"""Maxima of ions that move together are no further apart, degC."""
MOST_WINDOWS = 40
SMOOTHING = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9


@dataclass(frozen=True)
class Window:
    """Ions between two temperatures.

    Parameters
    ----------
    mz
        Ions, the one that names the window first.
    start_degC, end_degC
        Where it begins and ends.
    maximum_degC
        Where the first ion is largest.
    """

    mz: tuple[int, ...]
    start_degC: float
    end_degC: float
    maximum_degC: float

    @property
    def species(self) -> str:
        """Gas that the first ion usually stands for; empty where none is usual."""
        return next((name_of(mz) for mz in self.mz[:1] if name_of(mz)), "") or _gas_of(self.mz[0])

    def __str__(self) -> str:
        name = self.species or f"m/z {self.mz[0]}"
        return f"{name} at {self.start_degC:.0f}-{self.end_degC:.0f} degC"


@dataclass(frozen=True)
class _Top:
    """A window of one ion, and how high it is above the noise."""

    window: Window
    height: float
    clearness: float


def windows_of(run: PreparedRun) -> list[Window]:
    """Find the windows of a run, by the peaks of its ions.

    Ions of a gas that rise and fall together in a peak share its window, as do other ions that
    move with each other. The clearest are kept, by height over noise.

    Parameters
    ----------
    run
        Prepared.

    Returns
    -------
    list of Window
        At most 40, by m/z and temperature.
    """
    traces = traces_of_prepared(run)
    tops = {int(mz): _tops(traces, place) for place, mz in enumerate(traces.mz)}
    found: list[_Top] = []
    for main in _mains(traces):
        while tops[main]:
            top = tops[main].pop(0)
            joined = [other for other in _fragments(main) if _moves(traces, top, other, main)]
            found.append(_with_fragments(top, joined, tops))
    rest = [top for of_ion in tops.values() for top in of_ion]
    for top in sorted(rest, key=lambda top: -top.height):
        beside = [k for k, larger in enumerate(found) if _accompanies(traces, top, larger)]
        if beside:
            k = max(beside, key=lambda k: found[k].height)
            found[k] = _with_ion(found[k], top.window.mz[0])
        else:
            found.append(top)
    clearest = sorted(found, key=lambda top: -top.clearness)[:MOST_WINDOWS]
    return sorted(
        (top.window for top in clearest), key=lambda window: (window.mz[0], window.maximum_degC)
    )


def _gas_of(mz: int) -> str:
    """Gas of which an ion stands for the main one, where that was not measured."""
    gases = [each.name for each in SPECIES for proxy in each.proxies if proxy.mz == mz]
    return gases[0] if gases else ""


def _mains(traces: Traces) -> Iterator[int]:
    """Ions that name the windows of a gas: the main one, or its best proxy that was measured."""
    measured = set(traces.mz.tolist())
    # Gases of few fragments first would claim those of others: the heavy ones come first.
    for mz in (64, 76, 60, 44, 70, 36, 32, 34, 18, 30, 28, 78, 91, 15, 2):
        species = next(each for each in SPECIES if each.mz == mz)
        for ion in (mz, *(proxy.mz for proxy in species.proxies)):
            if ion in measured:
                yield ion
                break


def _fragments(main: int) -> dict[int, float]:
    return MOVES_WITH.get(main, {})


def _moves(traces: Traces, top: _Top, other: int, main: int) -> bool:
    """Whether an ion is a fragment of the gas in this window, and no more than that."""
    column = traces.column(other)
    if column is None or _correlation(traces, top.window, other) < TOGETHER:
        return False
    inside = _inside(traces, top.window)
    largest = float(np.nan_to_num(traces.above[inside, column]).max(initial=0.0))
    return largest <= MOST_TIMES * _fragments(main)[other] * top.height


def _correlation(traces: Traces, window: Window, other: int) -> float:
    inside = _inside(traces, window)
    columns = [traces.column(mz) for mz in (window.mz[0], other)]
    if inside.sum() < 3 or None in columns:
        return 0.0
    one, two = (np.nan_to_num(traces.above[inside, column]).ravel() for column in columns)
    one, two = one - one.mean(), two - two.mean()
    size = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / size) if size > 0 else 0.0


def _inside(traces: Traces, window: Window) -> NDArray[np.bool_]:
    return (traces.temperature >= window.start_degC) & (traces.temperature <= window.end_degC)


def _accompanies(traces: Traces, top: _Top, larger: _Top) -> bool:
    """Whether an ion without a gas of its own moves with a larger one."""
    mz, window = top.window.mz[0], larger.window
    near = abs(top.window.maximum_degC - window.maximum_degC) <= NEAR
    return (
        near
        and mz not in BY_MZ
        and top.height < larger.height
        and _correlation(traces, window, mz) >= TOGETHER
    )


def _with_ion(top: _Top, mz: int) -> _Top:
    ions = tuple(dict.fromkeys((*top.window.mz, mz)))
    return replace(top, window=replace(top.window, mz=ions))


def _with_fragments(top: _Top, fragments: Sequence[int], tops: dict[int, list[_Top]]) -> _Top:
    """Join ions to a window; their own peaks in it are no windows any more."""
    own = top.window
    for mz in fragments:
        tops[mz] = [
            each
            for each in tops[mz]
            if not own.start_degC <= each.window.maximum_degC <= own.end_degC
        ]
        top = _with_ion(top, mz)
    return top


def _tops(traces: Traces, column: int) -> list[_Top]:
    """Peaks of one ion, the highest first."""
    known = np.flatnonzero(~np.isnan(traces.signal[:, column]))
    if len(known) < len(SMOOTHING):
        return []
    above, temperature = traces.above[known, column], traces.temperature[known]
    smooth = np.convolve(np.pad(above, 2, mode="edge"), SMOOTHING, mode="valid")
    noise = 1.4826 * float(np.median(np.abs(above - smooth)))
    kept: list[int] = []
    for place in _highest_first(smooth):
        height = float(smooth[place])
        least = max(NOISE_TIMES * noise, LEAST_RISE * height, LEAST_SHARE * smooth.max())
        if height < max(NOISE_TIMES * noise, LEAST_SHARE * smooth.max()) or height <= 0:
            break
        lowest = max((_valley(smooth, place, other) for other in kept), default=0.0)
        if height - max(lowest, 0.0) >= least:
            kept.append(place)
    return [_top(traces, column, place, kept, smooth, noise, temperature) for place in kept]


def _top(
    traces: Traces,
    column: int,
    place: int,
    kept: Iterable[int],
    smooth: FloatArray,
    noise: float,
    temperature: FloatArray,
) -> _Top:
    height = float(smooth[place])
    before = max((other for other in kept if other < place), default=-1)
    after = min((other for other in kept if other > place), default=len(smooth))
    first = before + 1 + int(np.argmin(smooth[before + 1 : place + 1]))
    last = place + int(np.argmin(smooth[place:after]))
    low = smooth < max(EDGE * height, noise)
    under = np.flatnonzero(low[first:place])
    first = first + int(under[-1]) if under.size else first
    under = np.flatnonzero(low[place : last + 1])
    last = place + int(under[0]) if under.size else last
    half = BIN_WIDTH / 2
    window = Window(
        (int(traces.mz[column]),),
        float(temperature[first] - half),
        float(temperature[last] + half),
        float(temperature[place]),
    )
    return _Top(window, height, height / max(noise, 1e-12))


def _highest_first(smooth: FloatArray) -> list[int]:
    """Places of local maxima."""
    padded = np.concatenate([[-np.inf], smooth, [-np.inf]])
    tops = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    order: list[int] = tops[np.argsort(-smooth[tops], kind="stable")].tolist()
    return order


def _valley(smooth: FloatArray, one: int, other: int) -> float:
    return float(smooth[min(one, other) : max(one, other) + 1].min())
