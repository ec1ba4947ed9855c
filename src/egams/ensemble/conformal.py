"""Conformal label sets: which of "present" and "absent" cannot be excluded at 90 %.

Split conformal prediction, for each class apart (Mondrian: Vovk, Gammerman & Shafer 2005, section
4.5; Sadinle, Lei & Wasserman 2019). Of runs that have a family, at least 90 % keep "present" in
their set; of runs that lack it, at least 90 % keep "absent". That holds for runs drawn as those it
was fitted on were drawn, on average over such fits, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic.dataclasses import dataclass as pydantic_dataclass

from egams.arrays import BoolArray, FloatArray, IntArray
from egams.artifact import STRICT
from egams.ensemble.calibration import (
    ByInstrument,
    Instruments,
    beside_runs,
    by_instrument,
    instrument_rows,
)
from egams.errors import ConfigError, InputError
from egams.families import INSTRUMENTS
from egams.logloss import truth_probability

COVERAGE = 0.9

MIN_RUNS = 20
"""Runs of the class that a threshold must rest on. Below nine there is no threshold at 90 %; with
twenty, coverage varies from fit to fit by 6 percentage points (standard deviation)."""

BASES = ("family and instrument", "instrument", "family", "all", "nothing")
"""What a threshold may rest on, the first that has `MIN_RUNS` runs: labels of the same family and
instrument; of the instrument, all families; of the family, all instruments; all labels. If none
has, the class is never excluded."""

STATES = ("odd", "absent", "present", "open")
"""Word for a set by its two members, ``absent + 2 * present``.

`present`, `absent`: the other one is excluded. `open`: neither can be excluded. `odd`: both are;
the probability is higher than runs without the family get, and lower than runs with it get. Read
`odd` as undecided, too: the better an ensemble, the more of what is undecided is `odd` and not
`open`.

A set is no probability. For a rare family `present` may come with a probability below one half:
runs without it seldom get that much, but there are many of them. Show the two together.
"""


@pydantic_dataclass(frozen=True, config=STRICT)
class Conformal:
    """Thresholds on calibrated probabilities.

    Parameters
    ----------
    coverage
        Share of labels that the sets should hold.
    present_from
        Smallest probability at which "present" stays, of each instrument ``[family]``; 0 where it
        can never be excluded.
    absent_to
        Largest probability at which "absent" stays, of each instrument ``[family]``; 1 where it
        can never be excluded.
    present_basis, absent_basis
        Which of `BASES` the threshold rests on, of each instrument ``[family]``.
    """

    coverage: float
    present_from: ByInstrument[float]
    absent_to: ByInstrument[float]
    present_basis: ByInstrument[str]
    absent_basis: ByInstrument[str]

    def sets(self, probability: ArrayLike, instruments: Instruments) -> BoolArray:
        """Label sets ``[..., run, family, label]``: whether "absent", then whether "present" stays.

        Parameters and errors as `egams.ensemble.calibration.Calibration.apply`, which gives the
        probabilities.
        """
        p, absent, present = beside_runs(
            probability, instruments, self.absent_to, self.present_from
        )
        return np.stack([p <= absent, p >= present], axis=-1)

    def states(self, probability: ArrayLike, instruments: Instruments) -> NDArray[np.str_]:
        """Word for each set (`STATES`) ``[run, family]``. Parameters and errors as `sets`."""
        return states_of(self.sets(probability, instruments))


def fit_conformal(
    truth: ArrayLike,
    probability: ArrayLike,
    instruments: Instruments,
    *,
    coverage: float = COVERAGE,
) -> Conformal:
    """Find the thresholds on out-of-fold probabilities.

    Of n probabilities of a class the ceil((n + 1) * coverage)-th most typical is the threshold;
    the + 1 is for the run to come. Equal probabilities stay or go together, and stay where the
    threshold is theirs: with many ties more labels are covered than requested.

    Parameters and errors as `egams.ensemble.calibration.fit_calibration`, with calibrated
    probabilities; `coverage` is the share of labels that the sets should hold.

    Raises
    ------
    ConfigError
        If `coverage` is not above 0 and below 1.
    """
    if not 0 < coverage < 1:
        raise ConfigError(f"coverage is {coverage}; expected a share above 0 and below 1")
    truth_probability(truth, probability)
    y, p = np.asarray(truth) == 1, np.asarray(probability, dtype=np.float64)
    rows = instrument_rows(instruments, len(y))
    # "Absent" is typical at a low probability, "present" at a high one: one rule, for p and -p.
    absent, absent_basis = _thresholds(~y, p, rows, coverage)
    present, present_basis = _thresholds(y, -p, rows, coverage)
    return Conformal(
        coverage=coverage,
        present_from=by_instrument(np.maximum(-present, 0.0).tolist()),
        absent_to=by_instrument(np.minimum(absent, 1.0).tolist()),
        present_basis=by_instrument(present_basis),
        absent_basis=by_instrument(absent_basis),
    )


def states_of(sets: BoolArray) -> NDArray[np.str_]:
    """Word for each set ``[run, family]``, one of `STATES`, from ``[run, family, label]``."""
    return np.array(STATES)[sets[..., 0] + 2 * sets[..., 1]]


@dataclass(frozen=True)
class Coverage:
    """What sets hold of the labels.

    Parameters
    ----------
    runs
        Number of runs.
    labels
        Number of labels: ``absent``, ``present``.
    total
        Share of labels that are in their set; None without labels.
    by_class
        The same for ``absent`` and for ``present``.
    states
        Share of the sets in each of `STATES`.
    """

    runs: int
    labels: Mapping[str, int]
    total: float | None
    by_class: Mapping[str, float | None]
    states: Mapping[str, float]


def coverage_of(truth: ArrayLike, sets: BoolArray) -> Coverage:
    """Compare sets ``[run, family, label]`` with the truth, 0 or 1 ``[run, family]``.

    Raises
    ------
    InputError
        If shapes disagree.
    """
    y = np.asarray(truth) == 1
    if sets.shape != (*y.shape, 2):
        raise InputError(f"sets have shape {sets.shape}", expected=f"{(*y.shape, 2)}")
    held = np.where(y, sets[..., 1], sets[..., 0])
    words = states_of(sets)
    classes = {"absent": ~y, "present": y}
    return Coverage(
        runs=len(y),
        labels={name: int(of_class.sum()) for name, of_class in classes.items()},
        total=_share(held),
        by_class={name: _share(held[of_class]) for name, of_class in classes.items()},
        states={word: _share(words == word) or 0.0 for word in STATES},
    )


def _thresholds(
    of_class: BoolArray, oddness: FloatArray, rows: IntArray, coverage: float
) -> tuple[FloatArray, list[list[str]]]:
    """Largest oddness that is kept, and its basis ``[instrument, family]``; inf: any is kept."""
    found = [
        [
            _threshold(of_class, oddness, rows == row, family, coverage)
            for family in range(of_class.shape[1])
        ]
        for row in range(len(INSTRUMENTS))
    ]
    kept = np.array([[threshold for threshold, _ in of_row] for of_row in found])
    return kept, [[basis for _, basis in of_row] for of_row in found]


def _threshold(
    of_class: BoolArray, oddness: FloatArray, here: BoolArray, family: int, coverage: float
) -> tuple[float, str]:
    of_family, of_instrument = np.arange(of_class.shape[1]) == family, here[:, None]
    bases = (of_instrument & of_family, of_instrument, of_family, np.True_)
    for name, considered in zip(BASES[:-1], bases, strict=True):
        counted = of_class & considered
        # Labels of one run go wrong together, so runs are counted, not labels.
        if counted.any(axis=1).sum() >= MIN_RUNS:
            values = np.sort(oddness[counted])
            # Rounding must not carry a whole number such as 0.9 * 70 past itself.
            rank = int(np.ceil((len(values) + 1) * coverage - 1e-9))
            return float(values[rank - 1]) if rank <= len(values) else np.inf, name
    return np.inf, BASES[-1]


def _share(mask: BoolArray) -> float | None:
    return float(mask.mean()) if mask.size else None
