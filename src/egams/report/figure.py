"""One run on one page: ion traces, all m/z, and the answer with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egams.conventions import BIN_WIDTH, HIGHEST_TEMPERATURE
from egams.ensemble.predictions import Predictions, RunPrediction
from egams.explain.explanation import Explanation
from egams.explain.peaks import Peak, peaks
from egams.explain.traces import Traces, traces_of
from egams.report.colours import FAINT, INK, VERMILION
from egams.report.evidence import Evidence, mark
from egams.report.families_panel import draw_families
from egams.report.ions import Ion, choose_ions
from egams.report.page import LOOKS, Look, page, styled_figure
from egams.report.spectrogram_panel import draw_spectrogram
from egams.report.traces_panel import draw_traces
from egams.report.words import (
    answer_lines,
    facts_line,
    nearest_line,
    not_measured_line,
    nothing_to_draw,
    title_lines,
    wrapped,
)
from egams.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from egams.ensemble.bundle import Bundle

# Inches beside text of 9 points.
_TITLE, _LINE, _TRACES, _SPECTROGRAM, _AXIS = 0.5, 0.17, 3.1, 2.1, 0.6
_LEFT, _NAMES, _FAMILIES, _BARS, _CALLS = 0.75, 0.85, 1.05, 1.25, 1.1
_NARROW, _STACKED = 8.0, 3.6
"""Families stand below the traces where there is less width than this."""
_CHARACTERS_PER_INCH = 14.5
_TITLE_LINE, _TITLE_PER_INCH = 0.23, 8.0

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawn:
    """What a figure of a run shows.

    Parameters
    ----------
    run, prediction
        The run and its answer, or None.
    traces, peaks, ions
        All m/z, peaks of the usual gases, and the ions that are drawn.
    evidence
        Windows that carry the calls.
    """

    run: Run
    prediction: RunPrediction | None
    traces: Traces
    peaks: Sequence[Peak]
    ions: Sequence[Ion]
    evidence: Evidence

    @classmethod
    def of(
        cls,
        run: Run,
        prediction: RunPrediction | None = None,
        mz: Sequence[int] | None = None,
        explanation: Explanation | None = None,
    ) -> Drawn:
        """Find traces and peaks of a run, and choose ions.

        Parameters
        ----------
        run, prediction
            The run and its answer, or None.
        mz
            m/z to draw; None to choose.
        explanation
            Of the answer; None shows no windows of evidence.
        """
        traces = traces_of(run)
        found = peaks(traces)
        if mz is not None:
            known = {peak.mz for peak in found}
            found += [peak for peak in peaks(traces, mz) if peak.mz not in known]
        evidence = mark(explanation)
        first = [each.window.mz[0] for each in evidence.marked]
        ions = choose_ions(traces, found, prediction, first=first, only=mz)
        if mz is not None and not ions:
            raise nothing_to_draw([traces], mz)
        return cls(run, prediction, traces, found, ions, evidence)


def draw_run(
    run: Run,
    path: str | Path,
    *,
    predictions: Predictions | None = None,
    explanation: Explanation | None = None,
    look: Look = LOOKS["screen"],
    mz: Sequence[int] | None = None,
    linear: bool = False,
) -> Path:
    """Draw one run.

    Ion traces with their asPLS baselines, the peaks named with their temperatures; below them, up
    to the last measured temperature, all m/z; at the right, where predictions are given, the
    probability and call of each family. Without `mz`, the calls and the clearest peaks choose the
    ions. What is not above zero has no place on a log axis.

    Parameters
    ----------
    run
        The run, of either instrument, heated or cooled. Families it is labelled with are named
        in bold.
    path
        File to write: .png, .pdf or .svg. The same run gives the same bytes.
    predictions
        What `egams.ensemble.bundle.Bundle.predict` returned for this run, among others or alone.
    explanation
        What `egams.ensemble.bundle.Bundle.explain` returned for this run: its windows of evidence
        are shaded, and tied to the families by letters.
    look
        Width, resolution and lettering: `egams.report.page.LOOKS`.
    mz
        m/z to draw; None to choose.
    linear
        Traces on a linear axis, faint ones times a power of ten.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If nothing can be drawn of the run, it is not among the predictions, or the file cannot be
        written.
    ConfigError
        If the ending of `path` is none of these.
    """
    with page(path, look=look) as figure:
        prediction = None if predictions is None else predictions[run.run_id]
        fill(figure, Drawn.of(run, prediction, mz, explanation), look, linear=linear)
    return Path(path)


def plot_run(run: Run, predictions: Predictions | Bundle | None = None) -> Figure:
    """Draw `run` and `predictions` of it as a matplotlib figure: see `egams.Run.plot`."""
    if not isinstance(predictions, Predictions | None):
        predictions = predictions.predict(run)
    prediction = None if predictions is None else predictions[run.run_id]
    with styled_figure(0.0) as figure:
        fill(figure, Drawn.of(run, prediction), LOOKS["screen"])
    return figure


def fill(
    figure: Figure,
    drawn: Drawn,
    look: Look,
    *,
    linear: bool = False,
    words: bool = True,
) -> None:
    """Draw onto an empty figure, and give it its height.

    Parameters
    ----------
    figure
        Of the width of `look`.
    drawn
        What it shows.
    look
        Width and lettering.
    linear
        Traces on a linear axis.
    words
        With name, facts, answer, flags and nearest runs, as a picture that stands alone needs.
    """
    unit = look.scale
    across = look.width / unit - _LEFT
    title = title_lines(drawn.run.run_id, int(across * _TITLE_PER_INCH))
    head, foot = _words(drawn, int(look.width / unit * _CHARACTERS_PER_INCH)) if words else ([], [])
    head_lines = _TITLE + _TITLE_LINE * (len(title) - 1) + _LINE * len(head)
    top = unit * head_lines if words else 0.3 * unit
    answer = drawn.prediction is not None
    stacked = answer and look.width < _NARROW * unit
    bottom = unit * (_AXIS + _LINE * len(foot) + (0.15 if foot else 0))
    lower = bottom + (unit * (_STACKED + _AXIS + 0.25) if stacked else 0)
    panels = unit * (_TRACES + _SPECTROGRAM)
    height = top + panels + lower
    figure.set_size_inches(look.width, height)
    aside = _NAMES + (_FAMILIES + _BARS + _CALLS if answer and not stacked else 0)
    width = look.width - unit * (_LEFT + aside)

    def panel(left: float, low: float, across: float, up: float) -> Bounds:
        return left / look.width, low / height, across / look.width, up / height

    traces = figure.add_axes(
        panel(unit * _LEFT, lower + unit * _SPECTROGRAM, width, unit * _TRACES)
    )
    below = figure.add_axes(
        panel(unit * _LEFT, lower, width, unit * (_SPECTROGRAM - 0.4)), sharex=traces
    )
    bar_left, bar_low = unit * (_LEFT - 1) + width, lower + unit * (_SPECTROGRAM - 0.33)
    bar = figure.add_axes(panel(bar_left, bar_low, unit, 0.07 * unit))
    half = BIN_WIDTH / 2
    traces.set_xlim(drawn.traces.temperature[0] - half, drawn.traces.temperature[-1] + half)
    marked = drawn.evidence.marked
    draw_traces(traces, drawn.traces, drawn.ions, drawn.peaks, marked, linear=linear)
    draw_spectrogram(below, bar, drawn.traces, drawn.ions)
    if drawn.prediction is not None:
        left = unit * (_LEFT + 0.6) if stacked else look.width - unit * (_BARS + _CALLS)
        across = look.width - left - unit * _CALLS
        up = unit * _STACKED if stacked else panels
        bars = figure.add_axes(panel(left, bottom, across, up))
        draw_families(bars, drawn.prediction, drawn.run, dict(drawn.evidence.lines))
    if words:
        _write(figure, title, head, foot, look, height)


def _words(drawn: Drawn, characters: int) -> tuple[list[str], list[tuple[str, str]]]:
    prediction = drawn.prediction
    broad = int(0.86 * characters)  # the font of the head is larger than that of the foot
    head = wrapped([facts_line(drawn.run)], broad)
    foot: list[tuple[str, str]] = []
    if prediction is not None:
        head += wrapped(answer_lines(prediction), broad)
        foot += [(line, VERMILION) for line in wrapped(prediction.flags, characters)]
        foot += [(line, INK) for line in wrapped([nearest_line(prediction)], characters)]
    lacking = not_measured_line(drawn.traces.mz.tolist(), prediction.flags if prediction else ())
    foot += [(line, FAINT) for line in wrapped([lacking, key_line(drawn)], characters)]
    return head, foot


def key_line(drawn: Drawn) -> str:
    """Say what the lines of a figure are.

    Parameters
    ----------
    drawn
        What it shows.
    """
    traces = drawn.traces
    parts = ["Traces are means over 4 °C; dashed: baseline (asPLS); grey: not measured"]
    if traces.saturated[:, np.isin(traces.mz, [ion.mz for ion in drawn.ions])].any():
        parts.append("thick: the detector saturates")
    if traces.temperature[-1] > HIGHEST_TEMPERATURE + 3 * BIN_WIDTH:
        parts.append(f"dotted: models use what is below {HIGHEST_TEMPERATURE:.0f} °C")
    if drawn.evidence.marked:
        parts.append(
            "shaded, lettered: windows that carry the calls; at the families the probability "
            "without them"
        )
    return "; ".join(parts)


def _write(
    figure: Figure,
    title: Sequence[str],
    head: Sequence[str],
    foot: Sequence[tuple[str, str]],
    look: Look,
    height: float,
) -> None:
    unit = look.scale
    left, y = unit * _LEFT / look.width, height - 0.3 * unit
    for row, line in enumerate(title):
        y -= unit * _TITLE_LINE * (row > 0)
        figure.text(left, y / height, line, fontsize="x-large", fontweight="bold", parse_math=False)
    for row, line in enumerate(head):
        y -= unit * (_LINE + (0.03 if row == 0 else 0))
        figure.text(left, y / height, line, color=INK if row else FAINT, parse_math=False)
    for row, (line, colour) in enumerate(reversed(foot)):
        at = unit * (0.08 + _LINE * row)
        figure.text(left, at / height, line, color=colour, fontsize="small", parse_math=False)
