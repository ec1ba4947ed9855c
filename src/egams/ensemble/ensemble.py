"""From the members' probabilities to the ensemble's: stack, calibrate, clip; sets at 90 %."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from egams.arrays import BoolArray, FloatArray
from egams.artifact import STRICT
from egams.ensemble.average import mean_probability
from egams.ensemble.calibration import Calibration, Instruments, OfInstrument, fit_calibration
from egams.ensemble.clip import choose_clip, clip_probabilities, run_clips
from egams.ensemble.conformal import Conformal, fit_conformal
from egams.ensemble.out_of_fold import OutOfFoldPredictions, held_out_masks
from egams.ensemble.selection import select_members
from egams.ensemble.stacking import Stack, fit_stack
from egams.logloss import mean_log_loss


@pydantic_dataclass(frozen=True, config=STRICT)
class Ensemble:
    """All that is fitted on out-of-fold predictions.

    Parameters
    ----------
    stack
        Weight of each member.
    calibration
        Of the stacked probabilities.
    clips
        Clip of each instrument, the last step.
    clip_notes
        Why a clip is what it is.
    conformal
        Label sets of the probabilities.
    """

    stack: Stack
    calibration: Calibration
    clips: OfInstrument[Annotated[float, Field(ge=0, lt=0.5)]]
    clip_notes: Mapping[str, str]
    conformal: Conformal

    def probabilities(self, members: ArrayLike, instruments: Instruments) -> FloatArray:
        """Probabilities ``[run, family]`` from those of `members` ``[member, run, family]``.

        `instruments` are those of the runs.
        """
        calibrated = self.calibration.apply(self.stack.probabilities(members), instruments)
        return clip_probabilities(calibrated, run_clips(instruments, self.clips))

    def without_unused(self) -> Ensemble:
        """Leave out members that have no weight."""
        used = np.flatnonzero(self.stack.weights)
        names = tuple(self.stack.names[member] for member in used)
        return replace(self, stack=Stack(names, self.stack.weights[used]))


@dataclass(frozen=True, eq=False)
class NestedEnsemble:
    """Predictions of each fold by the ensemble fitted on the other folds.

    Parameters
    ----------
    probabilities
        ``[run, family]``.
    sets
        ``[run, family, label]``: see `egams.ensemble.conformal`.
    """

    probabilities: FloatArray
    sets: BoolArray


def fit_ensemble(
    labels: ArrayLike,
    members: ArrayLike,
    names: tuple[str, ...],
    instruments: Instruments,
    *,
    at_most: int | None = None,
) -> Ensemble:
    """Fit weights, calibration, clips and label sets, in this order, on the same predictions.

    Parameters
    ----------
    labels
        0 or 1 ``[run, family]``.
    members
        Out-of-fold probabilities, mean over draws ``[member, run, family]``.
    names
        ``[member]``.
    instruments
        ``[run]``.
    at_most
        Most members that may have weight: the first so many of forward selection
        (`egams.ensemble.selection.select_members`), made on the same predictions. None for all.

    Raises
    ------
    ConfigError
        If `at_most` is below 1.
    """
    stack = _stack(labels, np.asarray(members), names, at_most)
    stacked = stack.probabilities(members)
    calibration = fit_calibration(labels, stacked, instruments)
    calibrated = calibration.apply(stacked, instruments)
    chosen = choose_clip(labels, calibrated, np.asarray(instruments))
    clips = {name: choice.clip for name, choice in chosen.items()}
    clipped = clip_probabilities(calibrated, run_clips(instruments, clips))
    return Ensemble(
        stack=stack,
        calibration=calibration,
        clips=clips,
        clip_notes={name: choice.note for name, choice in chosen.items() if choice.note},
        conformal=fit_conformal(labels, clipped, instruments),
    )


def _stack(
    labels: ArrayLike, members: NDArray[np.generic], names: tuple[str, ...], at_most: int | None
) -> Stack:
    if at_most is None or at_most >= len(names):
        return fit_stack(labels, members, names)
    added = select_members(labels, members, names, max_size=at_most).added
    # In the order of `names`: the order in which members were added decides nothing.
    chosen = [place for place, name in enumerate(names) if name in added]
    fitted = fit_stack(labels, members[chosen], tuple(names[place] for place in chosen))
    weights = np.zeros(len(names))
    weights[chosen] = fitted.weights
    return Stack(names, weights)


def nested_ensemble(
    predictions: OutOfFoldPredictions, *, at_most: int | None = None
) -> NestedEnsemble:
    """Fit an ensemble for each fold on `predictions` of the others, and apply it to that fold.

    With `at_most`, as in `fit_ensemble`, the members are chosen on the other folds too.

    What is nested is the ensemble. Its members are the usual out-of-fold ones: those that predict
    the other folds were trained on this fold too.
    """
    y, members = predictions.labels, predictions.mean_over_draws
    of = predictions.instruments
    probabilities = np.empty(y.shape)
    sets = np.empty((*y.shape, 2), dtype=bool)
    for held in held_out_masks(predictions.folds, len(y)):
        fitted = fit_ensemble(
            y[~held], members[:, ~held], predictions.names, of[~held], at_most=at_most
        )
        probabilities[held] = fitted.probabilities(members[:, held], of[held])
        sets[held] = fitted.conformal.sets(probabilities[held], of[held])
    return NestedEnsemble(probabilities, sets)


def ensemble_scores(
    predictions: OutOfFoldPredictions, *, at_most: int | None = None
) -> dict[str, float]:
    """Mean log loss on `predictions`, out of fold, of the ensemble of `at_most` members.

    ``nested``: fitted on the other folds; ``in_sample``: fitted on the runs it is scored on;
    ``all_members``: plain mean of all members.
    """
    y, mean, of = predictions.labels, predictions.mean_over_draws, predictions.instruments
    fitted = fit_ensemble(y, mean, predictions.names, of, at_most=at_most)
    nested = nested_ensemble(predictions, at_most=at_most)
    return {
        "nested": mean_log_loss(y, nested.probabilities),
        "in_sample": mean_log_loss(y, fitted.probabilities(mean, of)),
        "all_members": mean_log_loss(y, mean_probability(mean)),
    }
