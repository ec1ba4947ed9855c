"""`Predictions`: what a bundle says of runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.families import FAMILIES


@dataclass(frozen=True)
class Neighbour:
    """A training run near to a run.

    Parameters
    ----------
    run_id
        Its name.
    families
        What it was labelled.
    distance
        How unlike the run it is; 0 is the same.
    """

    run_id: str
    families: tuple[str, ...]
    distance: float

    def __str__(self) -> str:
        return f"{self.run_id} at {self.distance:.2f} ({', '.join(self.families) or 'no family'})"


@dataclass(frozen=True)
class Predictions:
    """What a bundle says of runs.

    Parameters
    ----------
    run_ids
        ``[run]``.
    instruments
        As given or inferred from the data ``[run]``.
    probabilities
        Calibrated ``[run, family]``.
    spread
        Standard deviation between the experiments of the ensemble ``[run, family]``.
    draw_spread
        Standard deviation of the ensemble between single test-time draws ``[run, family]``.
    states
        What cannot be excluded at 90 %: ``present``, ``absent``, ``open`` (neither is excluded) or
        ``odd`` (both are), see `egams.ensemble.conformal` ``[run, family]``.
    flags
        What sets each run apart from the training runs ``[run]``.
    nearest
        The nearest training runs, nearest first ``[run]``; none where the bundle knows none.
    notes
        What the reader said of each run ``[run]``.
    skipped
        Runs that could not be used: ``run_id`` and ``reason``.
    """

    run_ids: tuple[str, ...]
    instruments: tuple[str, ...]
    probabilities: NDArray[np.float64]
    spread: NDArray[np.float64]
    draw_spread: NDArray[np.float64]
    states: NDArray[np.str_]
    flags: tuple[tuple[str, ...], ...]
    nearest: tuple[tuple[Neighbour, ...], ...]
    notes: tuple[tuple[str, ...], ...]
    skipped: tuple[dict[str, str], ...]

    def details(self) -> dict[str, object]:
        """All of it as JSON holds it."""
        runs = [
            {
                "sample_id": run_id,
                "instrument": self.instruments[row],
                "families": {
                    family: {
                        "probability": round(float(self.probabilities[row, column]), 4),
                        "spread": round(float(self.spread[row, column]), 4),
                        "draw_spread": round(float(self.draw_spread[row, column]), 4),
                        "at_90_percent": str(self.states[row, column]),
                    }
                    for column, family in enumerate(FAMILIES)
                },
                "flags": list(self.flags[row]),
                "nearest": [
                    {
                        "sample_id": other.run_id,
                        "distance": round(other.distance, 3),
                        "families": list(other.families),
                    }
                    for other in self.nearest[row]
                ],
                "notes": list(self.notes[row]),
            }
            for row, run_id in enumerate(self.run_ids)
        ]
        return {"runs": runs, "skipped": list(self.skipped)}
