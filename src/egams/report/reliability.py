"""Whether probabilities hold what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from egams.evaluate.metrics import ECE_BINS, calibration_error, reliability
from egams.report.page import BLUE, FAINT, INK, NOT_MEASURED, page


def draw_reliability(labels: ArrayLike, probabilities: ArrayLike, path: str | Path) -> Path:
    """Draw the share of ones against the probability, and the number of entries.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    probabilities
        ``[run, family]``.
    path
        File to write: .png, .pdf or .svg.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        As `egams.logloss.truth_probability`, or if the file cannot be written.
    ConfigError
        If the ending of `path` is none of these.
    """
    curve = reliability(labels, probabilities)
    error = calibration_error(labels, probabilities)
    filled = curve.count > 0
    with page(path, 5.0, 5.6) as figure:
        main = figure.add_axes((0.14, 0.35, 0.81, 0.56))
        main.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 2.5)))
        main.plot(
            curve.probability[filled], curve.share[filled],
            color=BLUE, marker="o", markersize=4, linewidth=1.2,
        )  # fmt: skip
        main.set_xlim(0, 1)
        main.set_ylim(0, 1)
        main.set_ylabel("share that have the family")
        main.tick_params(labelbottom=False)
        runs, families = np.shape(labels)
        main.set_title(f"{runs} runs, {families} families: calibration error {error:.3f}")
        counts = figure.add_axes((0.14, 0.1, 0.81, 0.19), sharex=main)
        left = np.arange(ECE_BINS) / ECE_BINS
        counts.bar(left, curve.count, width=1 / ECE_BINS, align="edge", color=NOT_MEASURED,
                   edgecolor=INK, linewidth=0.5)  # fmt: skip
        counts.set_yscale("log")
        counts.set_ylim(0.5, None)
        counts.set_xlabel("probability")
        counts.set_ylabel("entries")
    return Path(path)
