"""Calls: `present`, `absent` or `uncertain`, with error rates that hold on runs to come.

One rule. A family is called `present` where its probability is at least one half and above what
95 % of the runs without it get, `absent` where it is below one half and below what 90 % of the runs
with it get, and `uncertain` elsewhere. So of the runs without a family at most 5 % are called
`present`, of those with it at most 10 % `absent`, and no call contradicts its probability.

Runs that are far from every training run have limits of their own, found on the farthest tenth:
their probabilities come near to how frequent a family is, which elsewhere would mean `absent`.

Split conformal prediction, for each class apart (Mondrian: Vovk, Gammerman & Shafer 2005, section
4.5; Sadinle, Lei & Wasserman 2019). It holds for runs drawn as those it was fitted on were drawn,
on average over such fits, and for nothing else.
"""

from __future__ import annotations

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

WRONGLY_PRESENT = 0.05
"""Share of the runs without a family that may be called `present`."""

WRONGLY_ABSENT = 0.1
"""Share of the runs with a family that may be called `absent`."""

EVEN = 0.5
"""No run with a smaller probability is called `present`, none with a larger one `absent`."""

MIN_RUNS = 20
"""Runs of the class that a threshold must rest on. With fewer than nine there is no threshold at
90 %; with twenty, the rate varies from fit to fit by 6 percentage points (standard deviation)."""

BASES = ("family and instrument", "instrument", "family", "all", "nothing")
"""What a threshold may rest on, the first that has `MIN_RUNS` runs: labels of the same family and
instrument; of the instrument, all families; of the family, all instruments; all labels. If none
has, the call is never made."""

CALLS = ("absent", "uncertain", "present")

FAR = 0.1
"""Share of the runs that count as far: those whose nearest training run is furthest away."""


@pydantic_dataclass(frozen=True, config=STRICT)
class Calls:
    """Thresholds on calibrated probabilities.

    Parameters
    ----------
    wrongly_present, wrongly_absent
        Shares of the runs without and with a family that may be called otherwise.
    present_above, absent_below
        Limits, of each instrument ``[family]``; 1 and 0 where the call is never made.
    present_basis, absent_basis
        Which of `BASES` the limit rests on, of each instrument ``[family]``.
    """

    wrongly_present: float
    wrongly_absent: float
    present_above: ByInstrument[float]
    absent_below: ByInstrument[float]
    present_basis: ByInstrument[str]
    absent_basis: ByInstrument[str]

    def of(self, probability: ArrayLike, instruments: Instruments) -> NDArray[np.str_]:
        """One of `CALLS` for each probability ``[..., run, family]``.

        Parameters and errors as `egams.ensemble.calibration.Calibration.apply`, which gives the
        probabilities.
        """
        p, above, below = beside_runs(
            probability, instruments, self.present_above, self.absent_below
        )
        present, absent = (p > above) & (p >= EVEN), (p < below) & (p < EVEN)
        called: NDArray[np.str_] = np.array(CALLS)[1 + present.astype(int) - absent.astype(int)]
        return called


@pydantic_dataclass(frozen=True, config=STRICT)
class CallsByDistance:
    """Limits for runs with a training run near to them, and for those that have none.

    Parameters
    ----------
    near
        For runs that are not far, and where the distance is not known.
    far
        For runs that are; None where no distance was known in the fit.
    far_from
        Distance from the nearest training run beyond which a run is far.
    """

    near: Calls
    far: Calls | None = None
    far_from: float = 0.0

    def of(
        self,
        probability: ArrayLike,
        instruments: Instruments,
        distance: ArrayLike | None = None,
    ) -> NDArray[np.str_]:
        """One of `CALLS` for each probability ``[run, family]``.

        Parameters and errors as `egams.ensemble.calibration.Calibration.apply`, which gives the
        probabilities.
        """
        called = self.near.of(probability, instruments)
        if self.far is None or distance is None:
            return called
        is_far = np.asarray(distance)[:, None] > self.far_from
        return np.where(is_far, self.far.of(probability, instruments), called)


def fit_calls_by_distance(
    truth: ArrayLike,
    probability: ArrayLike,
    instruments: Instruments,
    distance: ArrayLike | None = None,
) -> CallsByDistance:
    """Find the limits for near and for far runs.

    Parameters
    ----------
    truth, probability, instruments
        As for `fit_calls`.
    distance
        Of each run from its nearest training run ``[run]``; None where it is not known.

    Raises
    ------
    InputError
        As `fit_calls`.
    """
    if distance is None:
        return CallsByDistance(fit_calls(truth, probability, instruments))
    y, p, of, away = map(np.asarray, (truth, probability, instruments, distance))
    far_from = float(np.quantile(away, 1 - FAR))
    is_far = away > far_from
    near, far = (fit_calls(y[some], p[some], of[some]) for some in (~is_far, is_far))
    return CallsByDistance(near, far, far_from)


def fit_calls(
    truth: ArrayLike,
    probability: ArrayLike,
    instruments: Instruments,
    *,
    wrongly_present: float = WRONGLY_PRESENT,
    wrongly_absent: float = WRONGLY_ABSENT,
) -> Calls:
    """Find the limits on out-of-fold probabilities.

    Of n probabilities of a class the ceil((n + 1) * (1 - rate))-th most typical is the limit;
    the + 1 is for the run to come. What equals the limit is not called.

    Parameters and errors as `egams.ensemble.calibration.fit_calibration`, with calibrated
    probabilities; the rates are those of `Calls`.

    Raises
    ------
    ConfigError
        If a rate is not above 0 and below 1.
    """
    for rate in (wrongly_present, wrongly_absent):
        if not 0 < rate < 1:
            raise ConfigError(f"the rate is {rate}; expected a share above 0 and below 1")
    truth_probability(truth, probability)
    y, p = np.asarray(truth) == 1, np.asarray(probability, dtype=np.float64)
    rows = instrument_rows(instruments, len(y))
    # Runs without a family typically get a low probability, runs with it a high one: one rule for
    # p and -p.
    highest, present_basis = _limits(~y, p, rows, 1 - wrongly_present)
    lowest, absent_basis = _limits(y, -p, rows, 1 - wrongly_absent)
    return Calls(
        wrongly_present=wrongly_present,
        wrongly_absent=wrongly_absent,
        present_above=by_instrument(np.minimum(highest, 1.0).tolist()),
        absent_below=by_instrument(np.maximum(-lowest, 0.0).tolist()),
        present_basis=by_instrument(present_basis),
        absent_basis=by_instrument(absent_basis),
    )


@dataclass(frozen=True)
class CallRates:
    """How often calls are wrong, and how often none is made.

    Parameters
    ----------
    runs, positives
        Number of runs, and of labels that are 1.
    wrongly_present
        Share of the labels 0 that are called `present`; None without such labels.
    wrongly_absent
        Share of the labels 1 that are called `absent`; None without such labels.
    uncertain
        Share of all labels.
    """

    runs: int
    positives: int
    wrongly_present: float | None
    wrongly_absent: float | None
    uncertain: float | None


def call_rates(truth: ArrayLike, calls: NDArray[np.str_]) -> CallRates:
    """Compare calls ``[run, family]`` with the truth, 0 or 1 ``[run, family]``.

    Parameters
    ----------
    truth
        Labels.
    calls
        By `Calls.of`.

    Raises
    ------
    InputError
        If shapes disagree.
    """
    y = np.asarray(truth) == 1
    if calls.shape != y.shape:
        raise InputError(f"calls have shape {calls.shape}", expected=f"{y.shape}")
    return CallRates(
        runs=len(y),
        positives=int(y.sum()),
        wrongly_present=_share(calls[~y] == "present"),
        wrongly_absent=_share(calls[y] == "absent"),
        uncertain=_share(calls == "uncertain"),
    )


def _limits(
    of_class: BoolArray, oddness: FloatArray, rows: IntArray, kept: float
) -> tuple[FloatArray, list[list[str]]]:
    """Largest oddness of the `kept`, and its basis ``[instrument, family]``; inf: there is none."""
    found = [
        [
            _limit(of_class, oddness, rows == row, family, kept)
            for family in range(of_class.shape[1])
        ]
        for row in range(len(INSTRUMENTS))
    ]
    limits = np.array([[limit for limit, _ in of_row] for of_row in found])
    return limits, [[basis for _, basis in of_row] for of_row in found]


def _limit(
    of_class: BoolArray, oddness: FloatArray, here: BoolArray, family: int, kept: float
) -> tuple[float, str]:
    of_family, of_instrument = np.arange(of_class.shape[1]) == family, here[:, None]
    bases = (of_instrument & of_family, of_instrument, of_family, np.True_)
    for name, considered in zip(BASES[:-1], bases, strict=True):
        counted = of_class & considered
        # Labels of one run go wrong together, so runs are counted, not labels.
        if counted.any(axis=1).sum() >= MIN_RUNS:
            values = np.sort(oddness[counted])
            # Rounding must not carry a whole number such as 0.9 * 70 past itself.
            rank = int(np.ceil((len(values) + 1) * kept - 1e-9))
            return float(values[rank - 1]) if rank <= len(values) else np.inf, name
    return np.inf, BASES[-1]


def _share(mask: BoolArray) -> float | None:
    return float(mask.mean()) if mask.size else None
