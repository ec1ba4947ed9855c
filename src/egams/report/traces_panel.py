"""Ion traces over temperature, with names, peaks and windows of evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from egams.arrays import FloatArray
from egams.explain.peaks import Peak
from egams.explain.traces import Traces
from egams.report.colours import INK, NOT_MEASURED
from egams.report.evidence import Marked
from egams.report.ions import Ion
from egams.report.labels import Label, place_labels, write_at_right
from egams.report.log_ticks import RAISED
from egams.run import CURRENTS, PRESSURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHED: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2.5))}
_LOWEST_SHARE, _HIGHEST_SHARE = 1e-7, 0.05  # of the top, for the lower end of the axis
ROW = 0.04
"""Height of a row of brackets, as a share of the panel's."""
_LEAST_RISE = 1.3  # of signal over baseline: smaller peaks are not named
_LEAST_PART = 0.08  # of the area of the ion
_NAMED_OF_AN_ION = 3


def signal_words(unit: str) -> str:
    """Return what to write at an axis of signals.

    Parameters
    ----------
    unit
        Unit of a run, empty where it is not known.
    """
    if unit in CURRENTS:
        return f"ion current, {unit}"
    return f"partial pressure, {unit}" if unit in PRESSURES else unit or "abundance"


def draw_traces(
    axes: Axes,
    traces: Traces,
    ions: Sequence[Ion],
    peaks: Sequence[Peak],
    marked: Sequence[Marked] = (),
    *,
    linear: bool = False,
) -> None:
    """Draw traces with their baselines; on a linear axis, faint ones times a power of ten.

    Parameters
    ----------
    axes
        Panel of final size, its limits of temperature set.
    traces
        Of the run.
    ions
        To be drawn.
    peaks
        Of the run: the clearest of the drawn ions are named.
    marked
        Windows of evidence, shaded under their ions.
    linear
        Instead of the logarithmic axis.
    """
    scales = _scales(traces, ions, linear=linear)
    if not linear:
        axes.set_yscale("log", nonpositive="mask")
    shown: list[FloatArray] = []
    for ion, scale in zip(ions, scales, strict=True):
        column = traces.column(ion.mz)
        signal, baseline = (scale * each[:, column] for each in (traces.signal, traces.baseline))
        axes.plot(traces.temperature, signal, color=ion.colour, linewidth=1.2)
        axes.plot(traces.temperature, baseline, color=ion.colour, alpha=0.75, **DASHED)
        _draw_saturation(axes, traces, ion, signal)
        shown.append(signal[np.isfinite(signal) & ((signal > 0) | linear)])
    rows = _in_rows(marked)
    low, high = _linear_range(shown) if linear else _log_range(shown)
    room = 1 / (1 - ROW * max(rows.values(), default=0))  # brackets of further rows
    axes.set_ylim(low, low + (high - low) * room if linear else low * (high / low) ** room)
    for each in marked:
        _shade(axes, traces, ions, scales, each)
    _bracket(axes, ions, rows)
    _letter(axes, traces.unit, linear=linear)
    place_labels(axes, _peak_labels(traces, ions, scales, peaks))
    write_at_right(axes, _names(axes, traces, ions, scales))


def _scales(traces: Traces, ions: Sequence[Ion], *, linear: bool) -> list[float]:
    if not linear:
        return [1.0] * len(ions)
    tops = [float(np.nanmax(traces.signal[:, traces.column(ion.mz)])) for ion in ions]
    top = max(tops, default=1.0)
    return [10.0 ** np.floor(np.log10(top / each)) if each > 0 else 1.0 for each in tops]


def _letter(axes: Axes, unit: str, *, linear: bool) -> None:
    from matplotlib.ticker import NullFormatter

    name = signal_words(unit)
    if linear:
        power = int(np.floor(np.log10(axes.get_ylim()[1])))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value / 10.0**power:g}")
        name = f"{name}  (10{str(power).translate(RAISED)})" if power else name
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(name)
    axes.tick_params(labelbottom=False)
    axes.grid(axis="y", which="major", color=NOT_MEASURED, linewidth=0.6)
    axes.set_axisbelow(True)


def _log_range(traces: Sequence[FloatArray]) -> tuple[float, float]:
    """Limits that show what is above zero, but for the deepest dips of noise towards it."""
    traces = [trace for trace in traces if trace.size]
    if not traces:
        return _LOWEST_SHARE, 1.0
    top = max(float(trace.max()) for trace in traces)
    low = min(float(np.quantile(trace, 0.02)) for trace in traces)
    return max(min(low / 1.6, top * _HIGHEST_SHARE), top * _LOWEST_SHARE), top * 8


def _linear_range(traces: Sequence[FloatArray]) -> tuple[float, float]:
    top = max((float(trace.max()) for trace in traces if trace.size), default=1.0)
    return -0.03 * top, 1.3 * top if top > 0 else 1.0


def _draw_saturation(axes: Axes, traces: Traces, ion: Ion, signal: FloatArray) -> None:
    cut = traces.saturated[:, traces.column(ion.mz)]
    if cut.any():
        top = np.where(cut, signal, np.nan)
        axes.plot(traces.temperature, top, color=ion.colour, linewidth=4, alpha=0.35)


def _shade(
    axes: Axes, traces: Traces, ions: Sequence[Ion], scales: Sequence[float], marked: Marked
) -> None:
    """Shade what a window takes away of its ions."""
    window = marked.window
    inside = (traces.temperature >= window.start_degC) & (traces.temperature <= window.end_degC)
    lowest = axes.get_ylim()[0]
    for ion, scale in zip(ions, scales, strict=True):
        if ion.mz in window.mz and inside.any():
            column = traces.column(ion.mz)
            signal, below = (
                np.maximum(scale * each[inside, column], lowest)
                for each in (traces.signal, traces.baseline)
            )
            axes.fill_between(
                traces.temperature[inside], below, signal, color=ion.colour, alpha=0.25, linewidth=0
            )


def _in_rows(marked: Sequence[Marked]) -> dict[Marked, int]:
    """Row of each bracket, so that those of a row do not overlap."""
    rows: dict[Marked, int] = {}
    free_from: list[float] = []  # of each row, degC
    for each in sorted(marked, key=lambda each: each.window.start_degC):
        start, end = each.window.start_degC, each.window.end_degC
        row = next((i for i, free in enumerate(free_from) if free < start), len(free_from))
        free_from[row : row + 1] = [end]
        rows[each] = row
    return rows


def _bracket(axes: Axes, ions: Sequence[Ion], rows: Mapping[Marked, int]) -> None:
    """Write the letters of windows over their temperatures."""
    colours = {ion.mz: ion.colour for ion in ions}
    for each, row in rows.items():
        window = each.window
        colour = next((colours[mz] for mz in window.mz if mz in colours), INK)
        y, middle = 0.985 - ROW * row, (window.start_degC + window.end_degC) / 2
        place = axes.get_xaxis_transform()
        ends = [window.start_degC, window.end_degC]
        axes.plot(ends, [y, y], color=colour, linewidth=2, transform=place, alpha=0.6)
        axes.text(
            middle, y, each.letter, transform=place, ha="center", va="center",
            fontsize="small", fontweight="bold", color=colour,
            bbox={"facecolor": "white", "linewidth": 0, "pad": 0.8},
        )  # fmt: skip


def _peak_labels(
    traces: Traces, ions: Sequence[Ion], scales: Sequence[float], peaks: Sequence[Peak]
) -> list[Label]:
    """Labels of peaks, the most prominent first."""
    found: list[tuple[float, Label]] = []
    for ion, scale in zip(ions, scales, strict=True):
        column = traces.column(ion.mz)
        of_ion = [peak for peak in peaks if peak.mz == ion.mz and peak.share >= _LEAST_PART]
        for peak in sorted(of_ion, key=lambda peak: -peak.area)[:_NAMED_OF_AN_ION]:
            row = int(np.abs(traces.temperature - peak.maximum_degC).argmin())
            signal = float(traces.signal[row, column])
            rise = signal / max(float(traces.baseline[row, column]), 1e-30)
            if rise >= _LEAST_RISE:
                text = f"{ion.gas or f'm/z {ion.mz}'} {peak.maximum_degC:.0f} °C"
                label = Label(peak.maximum_degC, scale * signal, text, ion.colour)
                found.append((rise, label))
    return [label for _, label in sorted(found, key=lambda each: -each[0])]


def _names(axes: Axes, traces: Traces, ions: Sequence[Ion], scales: Sequence[float]) -> list[Label]:
    names = []
    for ion, scale in zip(ions, scales, strict=True):
        values = traces.signal[:, traces.column(ion.mz)]
        ends = values[np.isfinite(values) & (values > 0)][-5:]
        at = scale * float(np.median(ends)) if ends.size else axes.get_ylim()[0]
        times = f" x{scale:g}" if scale != 1.0 else ""
        proxy = f" for {ion.proxy_for}" if ion.proxy_for else ""
        names.append(Label(0.0, max(at, axes.get_ylim()[0]), ion.label + proxy + times, ion.colour))
    return names
