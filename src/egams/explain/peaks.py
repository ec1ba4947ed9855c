"""`peaks`: onset, maximum, end and area of what a sample gave off, ion by ion."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.conventions import BIN_WIDTH
from egams.explain.species import BY_MZ, SPECIES, Proxy, Species, name_of
from egams.explain.traces import Traces, traces_of
from egams.run import Run

NOISE_TIMES = 6.0
"""A peak rises above what parts it from higher ones by so many times the noise beside it."""
LEAST_SHARE = 0.01
"""And by this share of the highest peak of its ion."""
EDGE = 0.01
"""Onset and end are where the signal passes this share of the height."""
OVERLAP = 0.1
"""Peaks overlap where the signal between them stays above this share of the lower one."""
NOT_OF_OTHERS = 0.5
"""A peak is its gas's own where it exceeds this share of what other gases' fragments add there."""
TOP_PART = 0.75
"""The maximum is that of a parabola through what exceeds this share of the height."""
TAIL, MOST_TAIL = 0.5, 0.2
"""Tails beyond a window, as a share of its width; the most that they add to its area."""
SMOOTHED, BESIDE = 5, 12  # bins


@dataclass(frozen=True)
class Peak:
    """One release of a gas, as one ion shows it.

    Parameters
    ----------
    mz
        Ion that was measured.
    species
        Gas that the ion usually stands for; empty where none is usual.
    onset_degC, end_degC
        Between which temperatures the signal above the baseline exceeds 1 % of the height and the
        noise; the lowest point between overlapping peaks.
    tangent_onset_degC
        Where the tangent at the steepest rise meets the baseline: the extrapolated onset of
        thermal analysis.
    maximum_degC
        Where the signal is largest.
    height
        Above the baseline, in the unit of the run, times `factor`.
    area
        Of signal over temperature with the tails beyond onset and end, unit times degC, times
        `factor`; between overlapping peaks it is divided at the lowest point.
    share
        Of the area of all peaks of this ion.
    overlaps
        Whether another peak of the ion begins before this one has ended.
    saturated
        Whether the detector could not follow: height and area are too small.
    proxy_for
        Main ion that this one stands for; None where it is the main one itself.
    factor
        By which height and area were multiplied, 1 without a proxy.
    note
        What a proxy is, fragments of other gases that were subtracted, and whether the run begins
        or ends before the peak does.
    """

    mz: int
    species: str
    onset_degC: float
    tangent_onset_degC: float
    maximum_degC: float
    end_degC: float
    height: float
    area: float
    share: float
    overlaps: bool
    saturated: bool
    proxy_for: int | None = None
    factor: float = 1.0
    note: str = ""


COLUMNS = tuple(field.name for field in fields(Peak))
"""Names of what is reported of a peak."""


def peaks(run: Run | Traces, mz: Collection[int] | None = None) -> list[Peak]:
    """Find the peaks of a run.

    Without `mz`, of the usual gases: from O2, CO, H2S and HCl the fragments of other gases at the
    same m/z are subtracted, and where a main ion saturates or was not measured, a proxy is added.
    With `mz`, of these ions as they were measured. Means over 4 degC less the asPLS baseline,
    smoothed over 20 degC; a peak must rise above both the noise and 1 % of its ion's highest.

    Parameters
    ----------
    run
        The run, or its traces.
    mz
        Whole m/z; those that were not measured are passed over. None for the usual gases.

    Returns
    -------
    list of Peak
        By m/z, then by temperature.

    Raises
    ------
    InputError
        If no m/z was measured over 16 degC.
    """
    if mz is not None:
        traces = run if isinstance(run, Traces) else traces_of(run, mz)
        return [peak for each in sorted(set(mz)) for peak in _of_ion(traces, each)]
    traces = run if isinstance(run, Traces) else traces_of(run, _ions())
    found = [peak for species in SPECIES for peak in _of_species(traces, species)]
    return sorted(found, key=lambda peak: (peak.mz, peak.maximum_degC))


def _ions() -> set[int]:
    mains, proxies = set(BY_MZ), {proxy.mz for each in SPECIES for proxy in each.proxies}
    return mains | proxies | {mz for each in SPECIES for mz, _ in each.less}


def _of_species(traces: Traces, species: Species) -> list[Peak]:
    found = _of_ion(traces, species.mz, species.less)
    if traces.column(species.mz) is None:
        why = "not measured"
    elif any(peak.saturated for peak in found):
        why = "saturated"
    else:
        return found
    for proxy in species.proxies:
        instead = _of_ion(traces, proxy.mz)
        if instead and not any(peak.saturated for peak in instead):
            return found + [_as_proxy(peak, species, proxy, why) for peak in instead]
    return found


def _as_proxy(peak: Peak, species: Species, proxy: Proxy, why: str) -> Peak:
    return replace(
        peak,
        species=species.name,
        height=peak.height * proxy.factor,
        area=peak.area * proxy.factor,
        proxy_for=species.mz,
        factor=proxy.factor,
        note=f"proxy ({proxy.why}) x {proxy.factor:g}: m/z {species.mz} {why}",
    )


def _of_ion(traces: Traces, mz: int, less: Sequence[tuple[int, float]] = ()) -> list[Peak]:
    column = traces.column(mz)
    if column is None:
        return []
    known = ~np.isnan(traces.signal[:, column])
    above = traces.above[known, column]
    others = np.zeros(len(above))
    notes = []
    for other, share in less:
        place = traces.column(other)
        if place is None:
            notes.append(f"not corrected: m/z {other} not measured")
        else:
            others += share * np.nan_to_num(traces.above[known, place])
            notes.append(f"less {share:g} of m/z {other}")
    found = _measured(
        above - others,
        traces.baseline[known, column],
        traces.temperature[known],
        traces.saturated[known, column],
        (mz, ", ".join(notes)),
    )
    added = dict(zip(traces.temperature[known], others, strict=True))
    own = [
        peak
        for peak in found
        if peak.height > NOT_OF_OTHERS * added[min(added, key=lambda t: abs(t - peak.maximum_degC))]
    ]
    total = sum(peak.area for peak in own)
    return [replace(peak, share=peak.area / total) for peak in own]


def _measured(
    above: FloatArray,
    baseline: FloatArray,
    temperature: FloatArray,
    saturated: BoolArray,
    ion: tuple[int, str],
) -> list[Peak]:
    from scipy.signal import savgol_filter

    if len(above) < SMOOTHED:
        return []
    smooth = savgol_filter(above, SMOOTHED, 2)
    tops, left, right = _tops(smooth, _noise(above, smooth))
    found = []
    for i, top in enumerate(tops):
        start, end = int(left[i]), int(right[i])
        between = (int(right[i - 1]) if i else 0, int((*left[i + 1 :], len(above) - 1)[0]))
        overlaps = any(
            edge in between and 0 < edge < len(above) - 1 and smooth[edge] > OVERLAP * smooth[top]
            for edge in (start, end)
        )
        area = _area(above, baseline, (start, end), (start, end) if overlaps else between)
        if area <= 0:
            continue
        cut = ["begins before the run does"] if top == 0 else []
        cut += ["goes on where the run ends"] if top == len(above) - 1 else []
        found.append(
            Peak(
                mz=ion[0],
                species=name_of(ion[0]),
                onset_degC=float(temperature[start]),
                tangent_onset_degC=_tangent_onset(temperature, smooth, start, top),
                maximum_degC=_vertex(
                    temperature[start : end + 1],
                    above[start : end + 1],
                    smooth[start : end + 1],
                    top - start,
                ),
                end_degC=float(temperature[end]),
                height=float(smooth[top]),
                area=area,
                share=1.0,
                overlaps=overlaps,
                saturated=bool(saturated[start : end + 1].any()),
                note="; ".join(filter(None, (ion[1], *cut))),
            )
        )
    return found


def _noise(above: FloatArray, smooth: FloatArray) -> FloatArray:
    """Standard deviation of the noise around each bin ``[bin]``, by medians of 25 bins."""
    from scipy.ndimage import median_filter

    rough = np.abs(above - smooth)
    return np.asarray(1.4826 * median_filter(rough, 2 * BESIDE + 1, mode="nearest"))


def _tops(smooth: FloatArray, noise: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Bins of the tops of peaks, and the first and last bin of each ``[peak]``."""
    from scipy.signal import find_peaks

    least = np.maximum(NOISE_TIMES * noise, LEAST_SHARE * smooth.max())
    # A release that ends the run has no falling side: beyond the ends there is nothing.
    padded = np.concatenate([[-np.inf], smooth, [-np.inf]])
    tops, seen = find_peaks(padded, prominence=0.0)
    tops = tops - 1
    floor = np.minimum(seen["prominences"], smooth[tops])
    kept = (floor >= least[tops]) & (smooth[tops] > 0)
    tops = tops[kept]
    left, right = np.empty_like(tops), np.empty_like(tops)
    for i, top in enumerate(tops):
        before = tops[i - 1] + int(np.argmin(smooth[tops[i - 1] : top])) if i else 0
        after = (
            top + int(np.argmin(smooth[top : tops[i + 1]]))
            if i + 1 < len(tops)
            else len(smooth) - 1
        )
        low = smooth < np.maximum(EDGE * smooth[top], noise)
        under = np.flatnonzero(low[before:top])
        left[i] = before + under[-1] if under.size else before
        under = np.flatnonzero(low[top : after + 1])
        right[i] = top + under[0] if under.size else after
    return tops, left, right


def _area(
    above: FloatArray, baseline: FloatArray, window: tuple[int, int], between: tuple[int, int]
) -> float:
    """Area of a peak with its tails, unit times degC.

    asPLS follows the tails of a peak, which hides a twentieth of its area. So it is taken over
    half a window more on either side, as far as `between` allows, above the lower of the baseline
    and the line that joins the signal there; at most a fifth is added.
    """
    start, end = window
    plain = _integral(above[start : end + 1])
    beyond = int(TAIL * (end - start))
    first, last = max(start - beyond, between[0]), min(end + beyond, between[1])
    signal, inside = above + baseline, slice(first, last + 1)
    before = np.median(signal[max(first - SMOOTHED + 1, 0) : first + 1])
    after = np.median(signal[last : last + SMOOTHED])
    floor = np.minimum(np.linspace(before, after, last - first + 1), baseline[inside])
    whole = _integral(signal[inside] - floor)
    return min(max(whole, plain), (1 + MOST_TAIL) * plain)


def _integral(values: FloatArray) -> float:
    return BIN_WIDTH * float(values.sum() - (values[0] + values[-1]) / 2)


def _vertex(temperature: FloatArray, above: FloatArray, smooth: FloatArray, top: int) -> float:
    """Maximum of the parabola through the readings around the top, within their temperatures."""
    low = np.flatnonzero(smooth < TOP_PART * smooth[top])
    first = int(max(low[low < top], default=-1)) + 1
    last = int(min(low[low > top], default=len(smooth)))
    if min(top - first, last - 1 - top) < 1:
        return float(temperature[top])
    x = temperature[first:last] - temperature[top]
    bend, slope, _ = np.polyfit(x, above[first:last], 2)
    at = -slope / (2 * bend) if bend < 0 else 0.0
    return round(float(temperature[top] + np.clip(at, x[0], x[-1])), 1)


def _tangent_onset(temperature: FloatArray, smooth: FloatArray, start: int, top: int) -> float:
    """Where the tangent at the steepest rise before the top meets the baseline."""
    if top <= start:
        return float(temperature[top])
    rise = np.gradient(smooth, temperature)[start : top + 1]
    steepest = int(rise.argmax())
    if rise[steepest] <= 0:
        return float(temperature[start])
    meets = temperature[start + steepest] - smooth[start + steepest] / rise[steepest]
    return round(float(max(meets, temperature[start])), 1)
