"""Stacking: weights of members, none negative, fitted on out-of-fold predictions.

Unlike forward selection, which averages probabilities of some members with equal weight, stacking
adds weighted logits. The weights need not sum to 1: members that are all too sure of themselves
sum to less.

Source: Wolpert 1992; weights kept at 0 or above as in Breiman 1996, "Stacked regressions", and in
the 2nd place's solution.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import PlainSerializer, PlainValidator
from pydantic.dataclasses import dataclass

from egams.arrays import FloatArray
from egams.artifact import STRICT
from egams.ensemble.calibration import logit
from egams.errors import InputError
from egams.logistic import sigmoid
from egams.logloss import truth_probability

CAUTION = 0.003
"""Factor on the squared distance of the weights from equal ones that sum to 1; keeps members that
predict nearly the same from getting opposite weights."""

NEGLIGIBLE = 0.03
"""A member with a smaller share of the weights is left out."""


LARGEST = 1000.0
"""No fit comes near such a weight."""


def _none_negative_or_huge(given: object) -> FloatArray:
    try:
        weights = np.asarray(given, dtype=np.float64)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"weights should be numbers ({error})") from error
    if weights.ndim != 1 or not ((weights >= 0) & (weights <= LARGEST)).all():
        raise ValueError(f"weights should be numbers from 0 to {LARGEST:g}")
    return weights


@dataclass(frozen=True, eq=False, config=STRICT)
class Stack:
    """Weight of each member, in the order of `names`."""

    names: tuple[str, ...]
    weights: Annotated[
        FloatArray,
        PlainValidator(_none_negative_or_huge),
        PlainSerializer(lambda weights: weights.tolist()),
    ]

    def __post_init__(self) -> None:
        """Refuse a member twice, or without a weight."""
        if len(set(self.names)) != len(self.names) or len(self.names) != len(self.weights):
            raise ValueError("expected each member once, and one weight for each")

    def probabilities(self, members: ArrayLike) -> FloatArray:
        """Stack members' probabilities: ``[run, family]`` from ``[member, run, family]``.

        Raises
        ------
        InputError
            If there is not one set of probabilities for each weight.
        """
        p = np.asarray(members, dtype=np.float64)
        if p.ndim != 3 or len(p) != len(self.weights):
            raise InputError(
                f"probabilities of shape {p.shape} for {len(self.weights)} weights",
                expected="[member, run, family], one member for each weight",
            )
        return np.asarray(sigmoid(np.tensordot(self.weights, logit(p), axes=1)))


def fit_stack(labels: ArrayLike, members: ArrayLike, names: tuple[str, ...]) -> Stack:
    """Find the weights, none negative, of the lowest log loss; equal ones if all are zero.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    members
        Out-of-fold probabilities ``[member, run, family]``.
    names
        ``[member]``. Their order changes nothing.

    Raises
    ------
    InputError
        If labels are not 0 or 1, or shapes do not fit.
    """
    from scipy.optimize import minimize

    truth_probability(labels, members)  # refuses what cannot be scored
    signs = 2 * np.asarray(labels, dtype=np.float64).ravel() - 1
    logits = logit(np.asarray(members, dtype=np.float64)).reshape(len(names), -1)
    equal = np.full(len(names), 1 / len(names))

    def penalised(weights: FloatArray) -> tuple[float, FloatArray]:
        margin = signs * (weights @ logits)
        away = weights - equal
        loss = np.logaddexp(0, -margin).mean() + CAUTION * (away @ away)
        slope = -(logits @ (signs * sigmoid(-margin))) / len(signs) + 2 * CAUTION * away
        return float(loss), slope

    found = minimize(
        penalised,
        equal,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(names),
        options={"ftol": 1e-12, "gtol": 1e-9, "maxiter": 1000},
    )
    weights: FloatArray = found.x
    weights[weights < NEGLIGIBLE * weights.sum()] = 0
    # Members of a training cut short may all be worse than nothing; without any there is no bundle.
    return Stack(names, weights if weights.any() else equal)
