"""`Explanation`: what in a run carries the answer, in numbers, words and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egams.ensemble.predictions import Neighbour
from egams.explain.windows import Window

HALF = 0.5
LEAST_DROP = 0.01
"""What changes a probability by less is not worth a word."""
LEAST_ALONE = 0.05
NEAREST_NAMED, WINDOWS_NAMED = 3, 4


@dataclass(frozen=True)
class WindowEvidence:
    """What one window does for a family.

    Parameters
    ----------
    window
        Ions and temperatures.
    drop
        By how much the probability falls without it; below 0 where the window speaks against the
        family.
    without
        Probability without it.
    only
        Probability with it and no other window of the run.
    """

    window: Window
    drop: float
    without: float
    only: float

    def details(self) -> dict[str, Any]:
        """As JSON holds it."""
        return window_details(self.window) | {
            "drop": round(self.drop, 4),
            "without": round(self.without, 4),
            "only": round(self.only, 4),
        }


@dataclass(frozen=True)
class Together:
    """Windows that bring a probability under one half where none does so alone.

    Parameters
    ----------
    windows
        As few as were found.
    without
        Probability without all of them.
    """

    windows: tuple[Window, ...]
    without: float

    @property
    def is_enough(self) -> bool:
        """Whether it is under one half."""
        return self.without < HALF


@dataclass(frozen=True)
class FamilyExplanation:
    """Why the probability of a family is what it is.

    Parameters
    ----------
    family
        Its name.
    probability
        As `egams.ensemble.bundle.Bundle.predict` has it.
    call
        ``present``, ``absent`` or ``uncertain``.
    windows
        The windows that change it most, largest drop first; those that speak against it last.
    together
        Windows that carry the call together; None where one is enough, or the family is unlikely.
    no_window
        Probability without any window: background, m/z and temperatures alone, with their nearest
        training runs.
    without_neighbours
        Probability where the labels of the nearest training runs are replaced by how frequent
        each family is.
    """

    family: str
    probability: float
    call: str
    windows: tuple[WindowEvidence, ...]
    together: Together | None
    no_window: float
    without_neighbours: float

    @property
    def supporting(self) -> tuple[WindowEvidence, ...]:
        """Windows without which it falls, or that alone raise it."""
        return tuple(
            each
            for each in self.windows
            if each.drop >= LEAST_DROP
            or (each.drop > -LEAST_DROP and each.only - self.no_window >= LEAST_ALONE)
        )

    @property
    def opposing(self) -> tuple[WindowEvidence, ...]:
        """Windows without which it rises, the strongest first."""
        return tuple(each for each in self.windows[::-1] if each.drop <= -LEAST_DROP)

    @property
    def neighbours_decide(self) -> bool:
        """Whether the labels of the nearest training runs count more than any window."""
        strongest = max((abs(each.drop) for each in self.windows), default=0.0)
        change = abs(self.probability - self.without_neighbours)
        return change >= max(strongest, LEAST_ALONE)

    def details(self) -> dict[str, Any]:
        """As JSON holds it."""
        together = self.together
        return {
            "probability": round(self.probability, 4),
            "call": self.call,
            "windows": [each.details() for each in self.windows],
            "together": together
            and {
                "windows": [window_details(each) for each in together.windows],
                "without": round(together.without, 4),
            },
            "no_window": round(self.no_window, 4),
            "without_neighbours": round(self.without_neighbours, 4),
            "neighbours_decide": self.neighbours_decide,
        }

    def lines(self) -> list[str]:
        """In words, the first line the shortest answer."""
        start = f"{self.probability:.2f}"
        named: list[str] = []
        for each in self.supporting[:WINDOWS_NAMED]:
            arrow = "->" if named else f"{start} ->"
            named.append(f"{each.window} ({arrow} {each.without:.2f}, alone {each.only:.2f})")
        what = ", ".join(named) or "no window changes it by 0.01"
        lines = [f"{self.family.replace('_', ' ')} {start}, {self.call}: {what}"]
        if self.together is not None:
            lines.append(f"  {_in_words(self.together)}")
        lines.append(
            f"  no window at all: {self.no_window:.2f}; without the labels of the nearest training "
            f"runs: {self.without_neighbours:.2f}"
            + (" (they count more than any window)" if self.neighbours_decide else "")
        )
        against = [
            f"{each.window} (-> {each.without:.2f})" for each in self.opposing[:WINDOWS_NAMED]
        ]
        if against:
            lines.append(f"  against it: {', '.join(against)}")
        return lines


@dataclass(frozen=True)
class Explanation:
    """What in a run carries the answer.

    Parameters
    ----------
    run_id
        Name of the run.
    families
        Those that are present or uncertain, or were requested, the likeliest first.
    nearest
        The nearest training runs.
    windows
        All windows of the run that were tried.
    """

    run_id: str
    families: tuple[FamilyExplanation, ...]
    nearest: tuple[Neighbour, ...]
    windows: tuple[Window, ...]

    def details(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {
            "sample_id": self.run_id,
            "families": {each.family: each.details() for each in self.families},
            "nearest": [
                {
                    "sample_id": each.run_id,
                    "families": list(each.families),
                    "distance": round(each.distance, 3),
                }
                for each in self.nearest
            ],
            "windows": [window_details(each) for each in self.windows],
        }

    def __str__(self) -> str:
        lines = [line for each in self.families for line in each.lines()]
        lines = lines or ["no family is present or uncertain"]
        if self.nearest:
            near = "; ".join(
                f"{each.run_id}, {', '.join(each.families) or 'no family'}, {each.distance:.2f}"
                for each in self.nearest[:NEAREST_NAMED]
            )
            lines.append(f"nearest: {near}")
        return "\n".join(lines)


def window_details(window: Window) -> dict[str, Any]:
    """Return a window as JSON holds it.

    Parameters
    ----------
    window
        Ions and temperatures.
    """
    return {
        "mz": window.mz[0],
        "ions": list(window.mz),
        "species": window.species,
        "start_degC": window.start_degC,
        "end_degC": window.end_degC,
        "maximum_degC": window.maximum_degC,
    }


def _in_words(together: Together) -> str:
    names = ", ".join(str(each) for each in together.windows)
    if together.is_enough:
        return (
            f"no single window carries it; under one half only without {len(together.windows)} "
            f"together: {names} (-> {together.without:.2f})"
        )
    return f"not even all windows together carry it: {together.without:.2f} without them"
