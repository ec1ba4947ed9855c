"""Windows of evidence as letters: over the traces, and beside the families that they carry."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase

from egams.explain.explanation import Explanation, FamilyExplanation
from egams.explain.windows import Window

MOST = 8
"""Letters of a figure."""
OF_A_FAMILY = 2


@dataclass(frozen=True)
class Marked:
    """A window of evidence and its letter."""

    letter: str
    window: Window


@dataclass(frozen=True)
class Evidence:
    """What a figure shows of an explanation.

    Parameters
    ----------
    marked
        Windows, by their letters.
    lines
        By family: to what the probability falls without them.
    """

    marked: tuple[Marked, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()


def mark(explanation: Explanation | None) -> Evidence:
    """Give letters to the windows that carry the calls, those of the likeliest family first.

    Parameters
    ----------
    explanation
        Of the run; None marks nothing.
    """
    letters: dict[Window, str] = {}
    lines = []
    for family in explanation.families if explanation else ():
        groups = _groups(family)
        windows = {window for group, _ in groups for window in group}
        if not windows or len(windows - letters.keys()) + len(letters) > MOST:
            continue
        parts = []
        for group, without in groups:
            for window in group:
                letters.setdefault(window, ascii_uppercase[len(letters)])
            parts.append(f"{'+'.join(sorted(letters[each] for each in group))} → {without:.2f}")
        lines.append((family.family, f"without {', '.join(parts)}"))
    marked = tuple(Marked(letter, window) for window, letter in letters.items())
    return Evidence(marked, tuple(lines))


def _groups(family: FamilyExplanation) -> list[tuple[tuple[Window, ...], float]]:
    """Windows that are taken away at a time, and the probability without them."""
    groups: list[tuple[tuple[Window, ...], float]] = [
        ((each.window,), each.without) for each in family.supporting[:OF_A_FAMILY]
    ]
    if family.together is not None and family.together.is_enough:
        groups = [*groups[:1], (family.together.windows, family.together.without)]
    return groups
