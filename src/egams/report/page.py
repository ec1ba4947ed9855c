"""What all figures share: type, colours, and a way to the disk that leaves no halves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from egams.artifact import written_whole
from egams.errors import ArtifactError, ConfigError, InputError
from egams.full_disk import DiskFullError
from egams.report.colours import FAINT, INK


@dataclass(frozen=True)
class Look:
    """How large a figure is and how it is lettered.

    Parameters
    ----------
    width
        Inches.
    dpi
        Dots an inch of a PNG.
    font
        Size of the text, points; margins go with it.
    """

    width: float = 10.0
    dpi: int = 130
    font: float = 9.0

    @property
    def scale(self) -> float:
        """Inches of a margin that is an inch wide beside text of 9 points."""
        return self.font / 9.0


LOOKS = {"screen": Look(), "paper": Look(width=7.2, dpi=300, font=7.0)}
"""By name: for a screen or a meeting, and for a page of two columns."""

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that machines agree
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "egams",  # ids in an SVG are random otherwise
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # letters that a journal's software can edit
}

# A file that holds the date, or the version of its maker, differs from one day to the next.
_UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"Software": "egams"},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": "egams"},
    ".svg": {"Date": None, "Creator": "egams"},
}


@contextmanager
def styled_figure(height: float, look: Look = LOOKS["screen"]) -> Iterator[Figure]:
    """Give an empty figure, and the style of all figures within the block.

    Nothing of pyplot is touched, so this works in threads without a screen, and beside the figures
    of whoever calls it.

    Parameters
    ----------
    height
        Inches; 0 where it is set later.
    look
        Width, resolution and lettering.
    """
    with matplotlib.rc_context(_STYLE | {"font.size": look.font}):
        figure = Figure(figsize=(look.width, height or 1.0), dpi=look.dpi, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure


@contextmanager
def page(path: str | Path, height: float = 0.0, look: Look = LOOKS["screen"]) -> Iterator[Figure]:
    """Give an empty figure; write it to `path` when the block ends without error.

    The same content gives the same bytes.

    Parameters
    ----------
    path
        File that ends in .png, .pdf or .svg; replaced whole or not at all.
    height
        Inches; 0 where it is set in the block.
    look
        Width, resolution and lettering.

    Raises
    ------
    ConfigError
        If the ending is another.
    InputError
        If the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in _UNDATED:
        raise ConfigError(f"{target}: no figure ends in '{kind}'; expected {', '.join(_UNDATED)}.")
    with styled_figure(height, look) as figure:
        yield figure
        try:
            with written_whole(target) as temporary:
                figure.savefig(temporary, format=kind[1:], metadata=_UNDATED[kind])
        except DiskFullError:
            raise
        except (OSError, ArtifactError) as error:
            raise InputError(
                f"the figure cannot be written ({error})",
                file=target,
                expected="a file name in a folder you may write to",
            ) from error


def svg_of(figure: Figure, salt: str) -> str:
    """Return a figure as the SVG element that stands within a page.

    Parameters
    ----------
    figure
        Drawn within `styled_figure`, whose style must still hold.
    salt
        Another one for each figure of a page, so that their ids differ.
    """
    text = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(text, format="svg", metadata=_UNDATED[".svg"])
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", text.getvalue(), flags=re.S)
    return svg[svg.index("<svg") :]
