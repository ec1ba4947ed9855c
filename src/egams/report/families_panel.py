"""Probabilities and calls of the families, with the evidence that they are tied to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from egams.ensemble.predictions import RunPrediction
from egams.families import FAMILIES
from egams.report.colours import BLUE, FAINT, INK, NOT_MEASURED, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from egams.run import Run

OF_CALL = {"present": BLUE, "uncertain": SKY, "absent": "#c9c9c9"}


def draw_families(
    axes: Axes, prediction: RunPrediction, run: Run, evidence: Mapping[str, str]
) -> None:
    """Draw a bar a family, the likeliest on top, its call beside and its evidence below.

    Parameters
    ----------
    axes
        Panel.
    prediction
        Of the run.
    run
        Families it is labelled with are bold.
    evidence
        A line about a family, by its name.
    """
    probability, spread = prediction.probabilities, prediction.spread
    order = np.argsort(probability, kind="stable")
    place = np.arange(len(order), dtype=np.float64)
    colours = [OF_CALL[str(prediction.calls[family])] for family in order]
    axes.barh(place, np.ones(len(order)), height=0.36, color=NOT_MEASURED, alpha=0.5)
    axes.barh(place, probability[order], height=0.36, color=colours)
    low, high = (np.clip(probability + by, 0, 1)[order] for by in (-spread, spread))
    axes.hlines(place, low, high, color=INK, linewidth=1.2)
    for y, family in enumerate(order):
        call = str(prediction.calls[family])
        weight = "bold" if call == "present" else "normal"
        colour = FAINT if call == "absent" else INK
        axes.text(
            1.04,
            y,
            f"{probability[family]:.2f} {call}",
            va="center",
            fontsize="small",
            color=colour,
            fontweight=weight,
        )
        line = evidence.get(FAMILIES[family], "")
        axes.text(0.0, y - 0.22, line, va="top", fontsize="x-small", color=INK)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylim(-0.75, len(order) - 0.6)
    axes.set_yticks(place, [FAMILIES[family].replace("_", " ") for family in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("probability; line: how far\nthe models differ")
    axes.spines["left"].set_visible(False)
    if run.labels is not None:
        for label, family in zip(axes.get_yticklabels(), order, strict=True):
            label.set_fontweight("bold" if run.labels[family] > 0 else "normal")
        axes.set_title("Bold: labelled" if run.labels.any() else "Labelled: none", loc="right")
