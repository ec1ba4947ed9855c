"""One run on one page: ion traces, the spectrogram models see, and what they say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.conventions import (
    BACKGROUND_QUANTILES,
    BIN_WIDTH,
    COLUMN_STEP,
    FIRST_COLUMN,
    HELIUM_SCALE,
    HIGHEST_TEMPERATURE,
    MZ_COUNT,
    TEMPERATURE_COUNT,
)
from egams.ensemble.predictions import Predictions
from egams.errors import InputError
from egams.families import FAMILIES
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.report.page import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    NOT_MEASURED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    page,
    styled_figure,
)
from egams.run import Run
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns, column_temperatures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from egams.ensemble.bundle import Bundle

VIEW = SpectrogramConfig(unit_range=False)
"""Floor 1e-4, divided by the run's maximum, log10: what most experiments see."""

WIDTH, HEIGHT, LEFT = 10.0, 7.2, 0.075

IONS: tuple[tuple[int, str, str], ...] = (
    (18, "H₂O", BLUE),
    (44, "CO₂", INK),
    (64, "SO₂", ORANGE),
    (32, "O₂", GREEN),
    (36, "HCl", VERMILION),
    (30, "NO", PURPLE),
)
"""m/z, the gas it usually stands for, and its colour."""

_INSTRUMENT = {"commercial": "commercial instrument", "sam_testbed": "SAM testbed"}
_DASHED: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2.5))}
_LOWEST_SHARE, _HIGHEST_SHARE = 1e-7, 0.05  # of the top, for the lower end of the trace axis


def draw_run(run: Run, path: str | Path, *, predictions: Predictions | None = None) -> Path:
    """Draw one run.

    Ion traces with their asPLS baselines (what is not above zero has no place on a log axis);
    below them, over the same temperatures, the spectrogram; at the right, where predictions are
    given, the probability of each family with the standard deviation between the experiments of
    the ensemble.

    Parameters
    ----------
    run
        The run, of either instrument, heated or cooled. Families it is labelled with are named
        in bold.
    path
        File to write: .png (1300 x 936), .pdf or .svg. The same run gives the same bytes.
    predictions
        What `egams.ensemble.bundle.Bundle.predict` returned for this run, among others or alone.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the run cannot be prepared, it is not among the predictions, or the file cannot be
        written.
    ConfigError
        If the ending of `path` is none of these.
    """
    with page(path, WIDTH, HEIGHT) as figure:
        _fill(figure, run, predictions)
    return Path(path)


def plot_run(run: Run, predictions: Predictions | Bundle | None = None) -> Figure:
    """Draw `run` and `predictions` of it as a matplotlib figure: see `egams.Run.plot`."""
    if not isinstance(predictions, Predictions | None):
        predictions = predictions.predict(run)
    with styled_figure(WIDTH, HEIGHT) as figure:
        _fill(figure, run, predictions)
    return figure


def _fill(figure: Figure, run: Run, predictions: Predictions | None) -> None:
    (prepared,) = prepare_runs([run])
    if isinstance(prepared, InputError):
        raise prepared
    prediction = None if predictions is None else predictions[run.run_id]
    width = 0.825 if prediction is None else 0.54
    right = LEFT + width
    _title(figure, run)
    traces = figure.add_axes((LEFT, 0.505, width, 0.325))
    _draw_traces(traces, prepared)
    below = figure.add_axes((LEFT, 0.08, width, 0.345), sharex=traces)
    _draw_spectrogram(below, figure.add_axes((right + 0.01, 0.08, 0.011, 0.345)), prepared)
    traces.set_xlim(FIRST_COLUMN - COLUMN_STEP / 2, HIGHEST_TEMPERATURE)
    if prediction is not None:
        bars = figure.add_axes((0.805, 0.08, 0.14, 0.75))
        _draw_families(bars, prediction.probabilities, prediction.spread, run)


def _title(figure: Figure, run: Run) -> None:
    temperature = run.scan_temperature
    first, last = float(temperature[0]), float(temperature[-1])
    way = "heated" if last >= first else "cooled"
    facts = (
        f"{_INSTRUMENT[run.instrument]},  {len(temperature)} scans,  "
        f"{way} from {round(first)} to {round(last)} °C"
    )
    if run.instrument == "sam_testbed":
        facts += f";  drawn as means over {BIN_WIDTH:.0f} °C"
    figure.text(LEFT, 0.958, run.run_id, fontsize=13, fontweight="bold", parse_math=False)
    figure.text(LEFT, 0.925, facts, color=FAINT)


def _draw_traces(axes: Axes, run: PreparedRun) -> None:
    """Abundance of `IONS` over temperature, each with its baseline."""
    place = {int(mz): column for column, mz in enumerate(run.mz)}
    axes.set_yscale("log", nonpositive="mask")
    handles, drawn = [], []
    for mz, gas, colour in IONS:
        values = run.abundance[:, place[mz]] if mz in place else np.empty(0)
        missing = "" if np.any(values > 0) else "not above zero" if mz in place else "not measured"
        label = f"{gas}  {mz}: {missing}" if missing else f"{gas}  {mz}"
        shown = NOT_MEASURED if missing else colour
        handles.append(Line2D([], [], color=shown, linewidth=1.6, label=label))
        if missing:
            continue
        read = ~np.isnan(values)
        temperature, baseline = run.temperature[read], run.baseline[read, place[mz]]
        axes.plot(temperature, values[read], color=colour, linewidth=1.2)
        axes.plot(temperature, baseline, color=colour, zorder=3, **_DASHED)
        drawn.append(values[values > 0])
    handles.append(Line2D([], [], color=FAINT, label="asPLS baseline", **_DASHED))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(*_log_range(drawn))
    axes.set_ylabel("abundance / largest of the run")
    axes.tick_params(labelbottom=False)
    axes.grid(axis="y", which="major", color=NOT_MEASURED, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
        borderpad=0.2,
        ncols=4,
        handlelength=1.5,
        columnspacing=1.6,
    )


def _log_range(traces: list[FloatArray]) -> tuple[float, float]:
    """Limits that show what is above zero, but for the deepest dips of noise towards it."""
    if not traces:
        return _LOWEST_SHARE, 1.0
    top = max(float(trace.max()) for trace in traces)
    low = min(float(np.quantile(trace, 0.02)) for trace in traces)
    return max(min(low / 1.6, top * _HIGHEST_SHARE), top * _LOWEST_SHARE), top * 1.6


def _draw_spectrogram(axes: Axes, bar: Axes, run: PreparedRun) -> None:
    """m/z over temperature, as models see it less the random part."""
    image, measured = typical_spectrogram(run)
    last = FIRST_COLUMN + COLUMN_STEP * (TEMPERATURE_COUNT - 1)
    shown = axes.imshow(
        np.ma.masked_array(image, ~measured),
        cmap=colormaps["viridis"].with_extremes(bad=NOT_MEASURED),
        vmin=np.log10(VIEW.floor),
        vmax=0.0,
        origin="lower",
        aspect="auto",
        interpolation="none",
        extent=(FIRST_COLUMN - COLUMN_STEP / 2, last + COLUMN_STEP / 2, -0.5, MZ_COUNT - 0.5),
    )
    axes.set_title("Spectrogram, background subtracted (grey: not measured)")
    axes.set_xlabel("sample temperature, °C")
    axes.set_ylabel("m/z")
    for mz, _, colour in IONS:
        # A mark in the colour of its trace leads the eye from one panel to the other.
        axes.plot(
            last + COLUMN_STEP, mz, marker="<", markersize=4.5, color=colour, markeredgewidth=0
        )
    assert axes.figure is not None
    axes.figure.colorbar(shown, cax=bar, ticks=[-4, -3, -2, -1, 0])
    bar.set_yticks([-4, -3, -2, -1, 0], ["≤ 10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"])
    bar.set_title("signal / max", loc="center", fontsize=8)
    bar.tick_params(length=2)


def _draw_families(axes: Axes, probability: FloatArray, spread: FloatArray, run: Run) -> None:
    """Probability of each family, the likeliest on top."""
    order = np.argsort(probability, kind="stable")
    place = np.arange(len(order))
    axes.barh(place, probability[order], height=0.5, color=SKY)
    low = np.clip(probability - spread, 0, 1)
    high = np.clip(probability + spread, 0, 1)
    axes.hlines(place, low[order], high[order], color=INK, linewidth=1.2)
    for y, family in enumerate(order):
        axes.text(
            1.04, y, f"{probability[family]:.2f}", va="center", fontsize=8.5,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_yticks(place, [FAMILIES[family].replace("_", " ") for family in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("probability, and the spread\nbetween experiments")
    if run.labels is not None:
        for label, family in zip(axes.get_yticklabels(), order, strict=True):
            label.set_fontweight("bold" if run.labels[family] > 0 else "normal")
        axes.set_title("Bold: labelled", loc="right")


def typical_spectrogram(run: PreparedRun) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Render `run` with each random choice at its most likely or mean value.

    Every column is its nearest scan, the background quantiles weigh the same, the baseline is
    left in and no m/z is scaled.

    Returns
    -------
    image
        Log10 of the signal relative to its maximum ``[m/z, temperature]``.
    measured
        False where a value stands for something that was not measured ``[m/z, temperature]``.
    """
    runs = ResidentRuns.load([run])
    scan = _nearest_scans(run, VIEW.reach)
    one = np.ones(1, np.float32)
    quantiles = len(BACKGROUND_QUANTILES)
    draws = Draws(
        run=np.zeros(1, np.intp),
        scan=scan[None],
        subtract_baseline=np.zeros(1, np.bool_),
        background_weight=np.full((1, quantiles), 1 / quantiles, np.float32),
        mz_scale=np.ones((1, MZ_COUNT), np.float32),
        faint_scale=one,
        helium_scale=np.float32(HELIUM_SCALE) * one,
        total_scale=one,
        mixed=np.empty(0, np.intp),
        by_mean=np.empty(0, np.bool_),
        partner=None,
    )
    image: NDArray[np.float32] = render(runs, draws, VIEW)[0]
    measured = np.zeros((MZ_COUNT, len(scan)), dtype=np.bool_)
    measured[run.mz] = (~np.isnan(run.abundance[scan]) & (scan >= 0)[:, None]).T
    return image, measured


def _nearest_scans(run: PreparedRun, reach: float) -> NDArray[np.int64]:
    """Likeliest candidate of each column ``[temperature]``; -1 where there is none."""
    columns = column_temperatures()[:, None]
    candidate = np.abs(np.floor(run.temperature) - columns) <= reach
    distance = np.where(candidate, np.abs(run.temperature - columns), np.inf)
    return np.where(candidate.any(1), distance.argmin(1), -1).astype(np.int64)
