"""All m/z of a run over temperature, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from egams.conventions import BIN_WIDTH, HIGHEST_TEMPERATURE, MZ_COUNT
from egams.explain.traces import Traces
from egams.report.colours import NOT_MEASURED
from egams.report.ions import Ion
from egams.report.labels import Label, write_at_right
from egams.report.signal_picture import FLOOR, signal_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_spectrogram(axes: Axes, bar: Axes, traces: Traces, ions: Sequence[Ion]) -> None:
    """Draw the picture, the names of ions beside it, and its colours.

    Parameters
    ----------
    axes
        Panel of final size, its limits of temperature set.
    bar
        Narrow panel for the colours, lying.
    traces
        Of all m/z.
    ions
        That are drawn in the other panel.
    """
    from matplotlib import colormaps

    half = BIN_WIDTH / 2
    low, high = traces.temperature[0] - half, traces.temperature[-1] + half
    limits = axes.get_xlim()
    shown = axes.imshow(
        np.ma.masked_invalid(signal_picture(traces)),
        cmap=colormaps["viridis"].with_extremes(bad=NOT_MEASURED),
        vmin=np.log10(FLOOR),
        vmax=0.0,
        origin="lower",
        aspect="auto",
        interpolation="none",
        extent=(low, high, -0.5, MZ_COUNT - 0.5),
    )
    axes.set_xlim(*limits)
    axes.set_ylabel("m/z")
    axes.set_xlabel("sample temperature, °C")
    axes.set_title("All m/z, less background")
    if high > HIGHEST_TEMPERATURE + 3 * BIN_WIDTH:
        axes.axvline(HIGHEST_TEMPERATURE, color="white", linewidth=0.8, linestyle=":")
    write_at_right(
        axes, [Label(0.0, ion.mz, ion.label, ion.colour) for ion in ions if ion.mz < MZ_COUNT]
    )
    assert axes.figure is not None
    axes.figure.colorbar(shown, cax=bar, orientation="horizontal", ticks=[-4, -2, 0])
    bar.set_xticks([-4, -2, 0], ["≤ 10⁻⁴", "10⁻²", "1"])
    bar.tick_params(length=2, labelsize="small", pad=1.5, top=True, labeltop=True)
    bar.tick_params(bottom=False, labelbottom=False)
