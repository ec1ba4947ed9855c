"""What stands in words beside a picture of a run: facts, the answer, flags, nearest runs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Sequence

import numpy as np

from egams.ensemble.predictions import RunPrediction
from egams.errors import InputError
from egams.explain.species import BY_MZ
from egams.explain.traces import Traces
from egams.families import FAMILIES
from egams.report.ions import printed
from egams.run import Run

INSTRUMENT = {"commercial": "commercial instrument", "sam_testbed": "SAM testbed"}
USUAL = (18, 28, 32, 36, 44, 64)
"""m/z whose absence is stated."""
EARLY = 0.1
"""A run that is hottest within this share of its scans was only cooled."""


def facts_line(run: Run) -> str:
    """Describe a run: instrument, scans, temperatures.

    Parameters
    ----------
    run
        The run.
    """
    scans = run.scan_temperature
    cooled = " while cooling" if np.nanargmax(scans) < EARLY * scans.size else ""
    facts = f"{INSTRUMENT[run.instrument]}, {scans.size} scans"
    return f"{facts}, {temperatures(*range_of(run))}{cooled}"


def range_of(run: Run) -> tuple[float, float]:
    """Return the lowest and the highest temperature of a scan, degC, as `egams inspect` does.

    Parameters
    ----------
    run
        The run, heated, cooled, or both.
    """
    scans = run.scan_temperature
    return float(np.nanmin(scans)), float(np.nanmax(scans))


def temperatures(low: float, high: float, unit: str = "°C") -> str:
    """Write a range of temperatures: the only place where it is rounded.

    Parameters
    ----------
    low, high
        Lowest and highest, degC.
    unit
        As it is to be written.
    """
    return f"{low:.0f} to {high:.0f} {unit}"


def answer_lines(prediction: RunPrediction) -> list[str]:
    """Say the answer: which families are present, which uncertain.

    Parameters
    ----------
    prediction
        Of the run.
    """
    lines = []
    for call in ("present", "uncertain"):
        places = [
            place
            for place in (-prediction.probabilities).argsort(kind="stable").tolist()
            if prediction.calls[place] == call
        ]
        families = [
            f"{FAMILIES[place].replace('_', ' ')} {prediction.probabilities[place]:.2f}"
            for place in places
        ]
        if families:
            lines.append(f"{call.capitalize()}: {', '.join(families)}")
    if not lines or not lines[0].startswith("Present"):
        lines.insert(0, "No family is called present")
    return lines


def not_measured_line(mz: Collection[int], flags: Collection[str] = ()) -> str:
    """Name the usual ions that were not measured; empty where all were.

    Parameters
    ----------
    mz
        That were measured.
    flags
        Ions that they name are not named again.
    """
    flagged = set(re.findall(r"\d+", " ".join(flag for flag in flags if "not measured" in flag)))
    lacking = [
        f"{printed(BY_MZ[each].name)} {each}"
        for each in USUAL
        if each not in mz and str(each) not in flagged
    ]
    return f"Not measured: {'; '.join(lacking)}" if lacking else ""


def nearest_line(prediction: RunPrediction, most: int = 3) -> str:
    """Name the nearest training runs; empty where none is known.

    Parameters
    ----------
    prediction
        Of the run.
    most
        How many.
    """
    nearest = "; ".join(str(each).replace("_", " ") for each in prediction.nearest[:most])
    return f"Nearest training runs (0: the same): {nearest}" if nearest else ""


def nothing_to_draw(traces: Sequence[Traces], mz: Collection[int] | None) -> InputError:
    """Return the error that none of the ions to be drawn was measured.

    Parameters
    ----------
    traces
        Of the runs of a picture.
    mz
        That were asked for; None where the picture chooses.
    """
    runs = ", ".join(f"'{each.run_id}'" for each in traces)
    runs = f"run {runs}" if len(traces) == 1 else f"runs {runs}"
    if mz is None:
        return InputError(f"{runs}: no m/z of a usual gas", expected="--mz with those to draw")
    return InputError(f"{runs}: none of these m/z was measured")


def title_lines(name: str, characters: int) -> list[str]:
    """Break the name of a run that is too long for one line; what three do not hold is left out.

    Parameters
    ----------
    name
        Of the run.
    characters
        That fit in a line.
    """
    return textwrap.wrap(name, characters, max_lines=3, placeholder=" …") or [""]


def wrapped(lines: Collection[str], characters: int) -> list[str]:
    """Break lines that are too long.

    Parameters
    ----------
    lines
        Empty ones are left out.
    characters
        That fit in a line.
    """
    return [
        part
        for line in lines
        if line
        for part in textwrap.wrap(line, characters, subsequent_indent="    ")
    ]
