"""The table that `egams peaks` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from egams.cli.show import lined_table
from egams.explain.peaks import Peak

CAPTION = (
    "Temperatures in degC; onset and end at 1 % of the height, in brackets the tangent at the "
    "steepest rise. Area: height times temperature. Share: of the ion's area. Pressure, flow and "
    "grain size move temperatures by 100 degC and more."
)


def peak_table(peaks: Sequence[Peak], unit: str) -> Table:
    """Show the peaks of one run, a row each.

    Parameters
    ----------
    peaks
        In the order to be shown.
    unit
        Of the heights; empty where it is not known.
    """
    table = lined_table(CAPTION)
    height, area = (f"height, {unit}", f"area, {unit} °C") if unit else ("height", "area")
    names = ("m/z", "gas", "onset", "maximum", "end", height, area, "share", "")
    for name in names:
        table.add_column(name, justify="left" if name in ("gas", "") else "right")
    for peak in peaks:
        marks = ["overlaps"] if peak.overlaps else []
        marks += ["saturated"] if peak.saturated else []
        table.add_row(
            str(peak.mz),
            peak.species,
            f"{peak.onset_degC:.0f} ({peak.tangent_onset_degC:.0f})",
            f"{peak.maximum_degC:.0f}",
            f"{peak.end_degC:.0f}",
            f"{peak.height:.2e}",
            f"{peak.area:.2e}",
            f"{100 * peak.share:.0f} %",
            "; ".join((*marks, *filter(None, [peak.note]))),
        )
    return table
