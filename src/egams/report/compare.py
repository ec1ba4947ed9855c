"""Runs beside each other, a panel an ion: overlaid, against a blank, against a training run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.conventions import FIRST_COLUMN, MZ_COUNT
from egams.ensemble.predictions import Neighbour
from egams.errors import ConfigError, InputError
from egams.explain.peaks import peaks
from egams.explain.traces import Traces, traces_of
from egams.preprocess.blank import Blank, fit_blank
from egams.report.colours import BLUE, FAINT, GREEN, INK, NOT_MEASURED, ORANGE, PURPLE, VERMILION
from egams.report.ions import MOST, Ion, choose_ions
from egams.report.log_ticks import set_log_ticks
from egams.report.page import LOOKS, Look, page
from egams.report.traces_panel import signal_words
from egams.report.words import nothing_to_draw, title_lines, wrapped
from egams.run import Run
from egams.spectrogram.coarse import COARSE_BINS, COARSE_STEP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (INK, BLUE, VERMILION, GREEN, ORANGE, PURPLE)
"""Of the runs of an overlay, in their order."""

_HEAD, _FOOT, _LEFT, _RIGHT, _PANEL, _GAP = 0.7, 0.5, 0.9, 1.0, 1.0, 0.14
_LINE = 0.18
_TITLE_CHARACTERS, _NOTE_CHARACTERS = 10.0, 16.5  # of an inch beside text of 9 points

Panel = Callable[["Axes", Ion], None]


def draw_overlay(
    runs: Sequence[Run],
    path: str | Path,
    *,
    look: Look = LOOKS["screen"],
    mz: Sequence[int] | None = None,
    linear: bool = False,
) -> Path:
    """Draw several runs over each other, a panel an ion.

    Runs of different units are drawn relative to their largest abundances.

    Parameters
    ----------
    runs
        Two to six.
    path
        File to write: .png, .pdf or .svg.
    look
        Width, resolution and lettering.
    mz
        m/z to draw; None for those with the clearest peaks.
    linear
        Instead of the logarithmic axis.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ConfigError
        If there are too many runs to tell apart, or one alone.
    """
    if not 2 <= len(runs) <= len(COLOURS):
        raise ConfigError(f"{len(runs)} runs to overlay; expected 2 to {len(COLOURS)}.")
    traces = [traces_of(run) for run in runs]
    units = {each.unit for each in traces}
    if len(units) > 1:
        traces = [relative(each) for each in traces]
    ions = _ions_of(traces, mz)

    def draw(axes: Axes, ion: Ion) -> None:
        for each, colour in zip(traces, COLOURS, strict=False):
            column = each.column(ion.mz)
            if column is not None:
                axes.plot(each.temperature, each.signal[:, column], color=colour, linewidth=1.1)
        if not linear:
            axes.set_yscale("log", nonpositive="mask")

    unit = signal_words(units.pop()) if len(units) == 1 else "abundance / largest of the run"
    names = list(zip([run.run_id for run in runs], COLOURS, strict=False))
    return _by_ion(path, look, ions, draw, traces, (unit, names, ""))


def draw_with_blank(
    run: Run,
    blank: Run,
    path: str | Path,
    *,
    look: Look = LOOKS["screen"],
    mz: Sequence[int] | None = None,
    linear: bool = False,
) -> Path:
    """Draw a run over its blank as `egams.preprocess.blank` subtracts it, what is left shaded.

    Parameters
    ----------
    run, blank
        The run, and one of the same instrument without a sample.
    path, look, mz, linear
        As for `draw_overlay`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the blank cannot be subtracted from the run.
    """
    fitted = fit_blank(run, Blank.of(blank))
    own = traces_of(run)
    ions = _ions_of([own], mz)
    scaled = replace(run, abundance=np.where(np.isnan(run.abundance), np.nan, fitted.signal))
    empty = _traces_if_any(scaled, [ion.mz for ion in ions])

    def draw(axes: Axes, ion: Ion) -> None:
        signal = own.signal[:, own.column(ion.mz)]
        place = None if empty is None else empty.column(ion.mz)
        if not linear:
            axes.set_yscale("log", nonpositive="mask")
        if empty is None or place is None:
            axes.text(0.99, 0.9, "not in the blank", transform=axes.transAxes, ha="right", va="top")
        else:
            known = np.isfinite(empty.signal[:, place])
            below = np.interp(
                own.temperature,
                empty.temperature[known],
                empty.signal[known, place],
                left=np.nan,
                right=np.nan,
            )
            axes.plot(own.temperature, below, color=FAINT, linewidth=1.0)
            more = np.isfinite(below) & (signal > below)
            lowest = np.nanmin(np.where(signal > 0, signal, np.nan)) if not linear else -np.inf
            axes.fill_between(
                own.temperature,
                np.maximum(below, lowest),
                signal,
                where=more.tolist(),
                color=ion.colour,
                alpha=0.25,
                linewidth=0,
            )
        axes.plot(own.temperature, signal, color=ion.colour, linewidth=1.1)

    names = [(run.run_id, INK), (f"blank: {blank.run_id}, times {fitted.factor:.3g}", FAINT)]
    shaded = "Shaded: what is left of the run when the blank, times this factor, is subtracted"
    note = "; ".join([shaded, *fitted.notes[1:]]).replace("degC", "°C")
    return _by_ion(path, look, ions, draw, [own], (signal_words(own.unit), names, f"{note}."))


def _traces_if_any(run: Run, mz: Sequence[int]) -> Traces | None:
    """Return traces of these m/z; None where none of them was measured."""
    try:
        return traces_of(run, mz)
    except InputError:
        return None


def draw_mirrored(
    run: Run,
    neighbour: Neighbour,
    abundance: NDArray[np.float32],
    path: str | Path,
    *,
    look: Look = LOOKS["screen"],
    mz: Sequence[int] | None = None,
) -> Path:
    """Draw a run upwards and a training run downwards, each trace to its own scale.

    What 1 stands for is written beside, relative to the largest abundance of the run.

    Parameters
    ----------
    run
        The run.
    neighbour
        Name, labels and distance of the training run.
    abundance
        What a bundle keeps of it: means over 24 degC ``[m/z, bin]``, by
        `egams.ensemble.bundle.Bundle.training_run`.
    path, look, mz
        As for `draw_overlay`.

    Returns
    -------
    Path
        `path`.
    """
    own = relative(traces_of(run))
    ions = [ion for ion in _ions_of([own], mz) if ion.mz < MZ_COUNT]
    at: FloatArray = np.arange(COARSE_BINS, dtype=np.float64) * COARSE_STEP + FIRST_COLUMN

    def draw(axes: Axes, ion: Ion) -> None:
        sides = (
            (1, own.temperature, own.signal[:, own.column(ion.mz)], ion.colour),
            (-1, at, abundance[ion.mz].astype(np.float64), INK),
        )
        for sign, place, signal, colour in sides:
            edge, up = (0.97, "top") if sign > 0 else (0.03, "bottom")
            if not np.isfinite(signal).any():
                axes.text(0.99, edge, "not measured", transform=axes.transAxes, ha="right", va=up)
                continue
            top = float(np.nanmax(signal))
            share = sign * np.maximum(signal, 0.0) / (top if top > 0 else 1.0)
            temperature, share = _stairs(place, share) if sign < 0 else (place, share)
            axes.plot(temperature, share, color=colour, linewidth=1.1)
            axes.fill_between(temperature, 0, share, color=colour, alpha=0.2, linewidth=0)
            axes.text(1.01, edge, f"1 = {top:.1e}", transform=axes.transAxes, va=up, color=colour)
        axes.axhline(0, color=FAINT, linewidth=0.7)
        axes.set_ylim(-1.1, 1.1)
        axes.set_yticks([-1, 0, 1], ["1", "0", "1"])

    families = ", ".join(neighbour.families).replace("_", " ") or "no family"
    below = f"below: training run {neighbour.run_id} at distance {neighbour.distance:.2f}"
    names = [(f"above: {run.run_id}", INK), (below, INK)]
    note = (
        f"{neighbour.run_id}: {families}. A bundle keeps only means over 24 °C of its training "
        "runs, rounded to 3 %."
    )
    unit = "each trace relative to its largest, which is written beside: share of the run's largest"
    return _by_ion(path, look, ions, draw, [own], (unit, names, note))


def _stairs(at: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners of a line that keeps each value over the whole of its coarse bin."""
    edges = np.stack([at - COARSE_STEP / 2, at + COARSE_STEP / 2], axis=1)
    return edges.ravel(), np.repeat(values, 2)


def relative(traces: Traces) -> Traces:
    """Return `traces` relative to the largest abundance that models get of the run."""
    inside = (traces.temperature > 28) & (traces.temperature < 1000)
    seen = traces.signal[inside][:, traces.mz < MZ_COUNT]
    largest = float(np.nanmax(seen)) or 1.0
    return replace(
        traces, unit="", signal=traces.signal / largest, baseline=traces.baseline / largest
    )


def _ions_of(traces: Sequence[Traces], mz: Sequence[int] | None) -> list[Ion]:
    """Ions of the first run and then of the others, as far as there is room."""
    chosen: dict[int, Ion] = {}
    for each in traces:
        for ion in choose_ions(each, peaks(each), only=mz):
            if len(chosen) < MOST or mz is not None:
                chosen.setdefault(ion.mz, ion)
    if not chosen:
        raise nothing_to_draw(traces, mz)
    return list(chosen.values())


def _by_ion(
    path: str | Path,
    look: Look,
    ions: Sequence[Ion],
    draw: Panel,
    traces: Sequence[Traces],
    words: tuple[str, Sequence[tuple[str, str]], str],
) -> Path:
    unit, names, note = words
    scale = look.scale
    across = look.width / scale - _LEFT
    titles = [
        (line, colour)
        for name, colour in names
        for line in title_lines(name, int(across * _TITLE_CHARACTERS))
    ]
    notes = wrapped([note], int(across * _NOTE_CHARACTERS))
    head = scale * (_HEAD + _LINE * 1.1 * (len(titles) - 1))
    panels = scale * (_PANEL + _GAP) * len(ions)
    height = head + panels + scale * (_FOOT + _LINE * len(notes))
    with page(path, height, look) as figure:
        first: Axes | None = None
        width = 1 - scale * (_LEFT + _RIGHT) / look.width
        for row, ion in enumerate(ions):
            bottom = height - head - scale * (_PANEL + (_PANEL + _GAP) * row)
            axes = figure.add_axes(
                (
                    scale * _LEFT / look.width,
                    bottom / height,
                    width,
                    scale * _PANEL / height,
                ),
                sharex=first,
            )
            first = first or axes
            draw(axes, ion)
            if axes.get_yscale() == "log":
                set_log_ticks(axes)
            axes.text(
                1.01, 0.5, ion.label, transform=axes.transAxes, va="center", fontweight="bold"
            )
            axes.grid(axis="y", which="major", color=NOT_MEASURED, linewidth=0.6)
            axes.tick_params(labelbottom=ion is ions[-1])
        assert first is not None
        axes.set_xlabel("sample temperature, °C")
        first.set_xlim(
            min(float(each.temperature[0]) for each in traces),
            max(float(each.temperature[-1]) for each in traces),
        )
        _write(figure, look, height, (unit, titles, notes))
    return Path(path)


def _write(
    figure: Figure,
    look: Look,
    height: float,
    words: tuple[str, Sequence[tuple[str, str]], Sequence[str]],
) -> None:
    unit, titles, notes = words
    scale = look.scale
    left, y = scale * _LEFT / look.width, height - 0.3 * scale
    for line, colour in titles:
        figure.text(
            left, y / height, line, color=colour, fontweight="bold", fontsize="large",
            parse_math=False,
        )  # fmt: skip
        y -= scale * _LINE * 1.1
    figure.text(left, (y + 0.02 * scale) / height, unit, color=FAINT, fontsize="small")
    for row, line in enumerate(reversed(notes)):
        at = scale * (0.08 + _LINE * row)
        figure.text(left, at / height, line, color=FAINT, fontsize="small", parse_math=False)
