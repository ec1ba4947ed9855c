"""Texts in a panel that do not stand on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

HEIGHTS = (2, 9, 16)
"""Points above its place at which a label may stand, the nearest first."""
_UNDER: Any = {"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.6}


@dataclass(frozen=True)
class Label:
    """A text at a place of a panel, in its data."""

    x: float
    y: float
    text: str
    colour: str
    bold: bool = False


def place_labels(axes: Axes, labels: Sequence[Label]) -> None:
    """Write labels above their places, the first first; those without room are left out.

    Parameters
    ----------
    axes
        Panel whose limits are final.
    labels
        The most important first.
    """
    inside, taken = axes.get_window_extent(), list[Bbox]()
    for label in labels:
        for height in HEIGHTS:
            text = _written(axes, label, height)
            box = text.get_window_extent()
            if _within(box, inside) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _written(axes: Axes, label: Label, height: float) -> Annotation:
    return axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=(0, height),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=label.colour,
        fontsize="small",
        fontweight="bold" if label.bold else "normal",
        bbox=_UNDER,
        zorder=5,
    )


def _within(box: Bbox, inside: Bbox) -> bool:
    return bool(box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1 + 2)


def write_at_right(axes: Axes, labels: Sequence[Label]) -> None:
    """Write labels beside the right edge of a panel, at their heights or a little off.

    Parameters
    ----------
    axes
        Panel whose limits are final.
    labels
        In any order; their x does not count.
    """
    if not labels:
        return
    box = axes.get_window_extent()
    size = 1.15 * _small_pixels(axes)
    across = axes.transData.transform([(label.x, label.y) for label in labels])[:, 1]
    placed = spread(np.clip(across, box.y0, box.y1), size, (box.y0, box.y1))
    for label, own, pixel in zip(labels, across, placed, strict=True):
        share = (pixel - box.y0) / box.height
        start = (np.clip(own, box.y0, box.y1) - box.y0) / box.height
        axes.plot(
            [1.0, 1.012],
            [start, share],
            color=label.colour,
            linewidth=0.7,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(
            1.017,
            share,
            label.text,
            color=label.colour,
            transform=axes.transAxes,
            va="center_baseline",
            fontsize="small",
            fontweight="bold" if label.bold else "normal",
        )


def _small_pixels(axes: Axes) -> float:
    """Height of small text, pixels."""
    assert axes.figure is not None
    return FontProperties(size="small").get_size_in_points() * axes.figure.dpi / 72


def spread(places: Sequence[float], least: float, within: tuple[float, float]) -> list[float]:
    """Move places apart until neighbours are `least` from each other, as little as needed.

    Parameters
    ----------
    places
        In any order.
    least
        Smallest distance.
    within
        Lowest and highest place.

    Returns
    -------
    list of float
        In the order of `places`.
    """
    order = np.argsort(places, kind="stable")
    groups: list[tuple[float, int]] = []  # of each: centre, and how many stand in it
    for place in np.asarray(places, dtype=np.float64)[order].tolist():
        groups.append((place, 1))
        while len(groups) > 1:
            (below, n), (above, m) = groups[-2:]
            if above - below >= least * (n + m) / 2:
                break
            groups[-2:] = [((below * n + above * m) / (n + m), n + m)]
    moved: list[float] = []
    for centre, count in groups:
        half = least * (count - 1) / 2
        middle = min(max(centre, within[0] + half), within[1] - half)
        moved += [middle - half + least * i for i in range(count)]
    placed = np.empty(len(moved))
    placed[order] = moved
    return [float(each) for each in placed]
