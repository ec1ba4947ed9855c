"""All that a report shows of one run, ready to be laid out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from egams.ensemble.bundle import Bundle
from egams.errors import InputError
from egams.explain.explanation import Explanation
from egams.explain.peaks import Peak
from egams.families import FAMILIES
from egams.io import RunSource, SkippedRun
from egams.report.figure import Drawn, fill, key_line
from egams.report.ions import printed
from egams.report.page import LOOKS, styled_figure, svg_of
from egams.report.words import answer_lines, facts_line, range_of, temperatures

LOOK = replace(LOOKS["screen"], width=9.6, font=8.0)
LEAST_SHARE = 0.05
"""Peaks with less of the area of their ion are left out of a report's table."""


@dataclass(frozen=True)
class FamilyRow:
    """A family in words: its call, how far models differ, and why it cannot be seen."""

    family: str
    probability: float
    spread: float
    call: str
    remark: str


@dataclass(frozen=True)
class RunPage:
    """What a report shows of one run.

    Parameters
    ----------
    run_id, instrument, facts
        Name, instrument, and a line about scans and temperatures.
    temperatures
        Lowest and highest, in words.
    answer
        In words.
    families
        The likeliest first.
    evidence
        Lines, see `egams.explain.explanation.Explanation`; none where it was not computed.
    flags, notes, nearest
        In words.
    picture
        An SVG element.
    key
        What its lines are.
    curves
        Traces as numbers, for an interactive report; empty otherwise.
    peaks
        Those with a noteworthy share of their ion's area.
    unit
        Of their heights.
    origin
        File, and SHA-256 of its content.
    """

    run_id: str
    instrument: str
    facts: str
    temperatures: str
    answer: tuple[str, ...]
    families: tuple[FamilyRow, ...]
    evidence: tuple[str, ...]
    flags: tuple[str, ...]
    notes: tuple[str, ...]
    nearest: tuple[str, ...]
    picture: str
    key: str
    curves: tuple[dict[str, Any], ...]
    peaks: tuple[Peak, ...]
    unit: str
    origin: tuple[str, str]

    def called(self, call: str) -> list[FamilyRow]:
        """Families of the call `call`."""
        return [row for row in self.families if row.call == call]


def page_of(
    source: RunSource, run_id: str, bundle: Bundle, *, evidence: bool, interactive: bool
) -> RunPage | SkippedRun:
    """Load, predict, explain and draw one run.

    Parameters
    ----------
    source, run_id
        Where the run is.
    bundle
        What predicts.
    evidence
        Whether to explain the answer.
    interactive
        Whether the traces are needed as numbers.

    Returns
    -------
    RunPage or SkippedRun
        The latter where the run cannot be used.
    """
    try:
        run = source.load(run_id)
        prediction = bundle.predict(run)[0]
        explanation = bundle.explain(run) if evidence else None
        drawn = Drawn.of(run, prediction, explanation=explanation)
    except InputError as error:
        return SkippedRun(run_id, str(error))
    with styled_figure(0.0, LOOK) as figure:
        fill(figure, drawn, LOOK, words=False)
        picture = svg_of(figure, salt=run_id)
    order = (-prediction.probabilities).argsort(kind="stable").tolist()
    return RunPage(
        run_id=run_id,
        instrument=run.instrument,
        facts=facts_line(run),
        temperatures=temperatures(*range_of(run)),
        answer=tuple(answer_lines(prediction)),
        families=tuple(
            FamilyRow(
                FAMILIES[place].replace("_", " "),
                float(prediction.probabilities[place]),
                float(prediction.spread[place]),
                str(prediction.calls[place]),
                str(prediction.unseen[place]),
            )
            for place in order
        ),
        evidence=_in_words(explanation),
        flags=prediction.flags,
        notes=prediction.notes,
        nearest=tuple(str(each).replace("_", " ") for each in prediction.nearest),
        picture=picture,
        key=key_line(drawn),
        curves=_curves(drawn) if interactive else (),
        peaks=tuple(peak for peak in drawn.peaks if peak.share >= LEAST_SHARE),
        unit=drawn.traces.unit,
        origin=origin_of(source, run_id),
    )


def _in_words(explanation: Explanation | None) -> tuple[str, ...]:
    if explanation is None:
        return ()
    return tuple(line for family in explanation.families for line in family.lines())


def _curves(drawn: Drawn) -> tuple[dict[str, Any], ...]:
    """Traces of the drawn ions with four digits, as `plotly` takes them."""
    at = [round(float(each), 1) for each in drawn.traces.temperature]
    curves: list[dict[str, Any]] = []
    for ion in drawn.ions:
        values = drawn.traces.signal[:, drawn.traces.column(ion.mz)]
        known = np.isfinite(values) & (values > 0)
        shown = [float(f"{v:.4g}") if ok else None for v, ok in zip(values, known, strict=True)]
        curves.append({"x": at, "y": shown, "name": ion.label, "line": {"color": ion.colour}})
    return tuple(curves)


def origin_of(source: RunSource, run_id: str) -> tuple[str, str]:
    """Return the file of a run, and the SHA-256 of its content.

    Parameters
    ----------
    source, run_id
        Where the run is. Where it is one of several in a file, the hash is that of the file; empty
        where there is none.
    """
    if (known := getattr(source, "origin", None)) is not None:
        name, digest = known(run_id)
        return str(name), str(digest)
    entry: Any = getattr(source, "index", {}).get(run_id)
    if hasattr(entry, "read"):
        return str(entry.name), hashlib.sha256(entry.read()).hexdigest()
    path = Path(source.name)
    return source.name, _sha256(path) if path.is_file() else ""


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak_cells(peak: Peak) -> tuple[str, ...]:
    """Return a row of the peak table as it is printed.

    Parameters
    ----------
    peak
        Of the run.
    """
    marks = ["overlaps"] if peak.overlaps else []
    marks += ["saturated"] if peak.saturated else []
    return (
        str(peak.mz),
        printed(peak.species),
        f"{peak.onset_degC:.0f}",
        f"{peak.maximum_degC:.0f}",
        f"{peak.end_degC:.0f}",
        f"{peak.height:.2e}",
        f"{peak.area:.2e}",
        f"{100 * peak.share:.0f}",
        "; ".join([*marks, *filter(None, [peak.note])]),
    )
