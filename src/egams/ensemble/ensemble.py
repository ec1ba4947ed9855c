"""From the members' probabilities to the ensemble's: stack, calibrate, clip; calls.

Runs of which less was measured than usually are put together in a way of their own: other weights,
for members differ in what they can do without, another calibration, other limits of the calls.
"""

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
from egams.ensemble.calls import CallsByDistance, fit_calls_by_distance
from egams.ensemble.clip import choose_clip, clip_probabilities, run_clips
from egams.ensemble.out_of_fold import OutOfFoldPredictions, held_out_masks
from egams.ensemble.selection import select_members
from egams.ensemble.stacking import Stack, fit_stack
from egams.logloss import mean_log_loss


@pydantic_dataclass(frozen=True, config=STRICT)
class Combination:
    """A way to put members together, fitted on their out-of-fold predictions.

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
    calls
        Limits on the probabilities.
    """

    stack: Stack
    calibration: Calibration
    clips: OfInstrument[Annotated[float, Field(ge=0, lt=0.5)]]
    clip_notes: Mapping[str, str]
    calls: CallsByDistance

    def probabilities(
        self,
        members: ArrayLike,
        instruments: Instruments,
        distance: ArrayLike | None = None,
    ) -> FloatArray:
        """Probabilities ``[run, family]`` from those of `members` ``[member, run, family]``.

        `instruments` are those of the runs, `distance` is that from the nearest training run.
        """
        stacked = self.stack.probabilities(members)
        calibrated = self.calibration.apply(stacked, instruments, distance)
        return clip_probabilities(calibrated, run_clips(instruments, self.clips))

    def of_members(self, places: NDArray[np.intp]) -> Combination:
        """Leave out all members but those at `places`, which have all the weight."""
        names = tuple(self.stack.names[place] for place in places)
        return replace(self, stack=Stack(names, self.stack.weights[places]))


@pydantic_dataclass(frozen=True, config=STRICT)
class Ensemble:
    """All that is fitted on out-of-fold predictions.

    Parameters
    ----------
    whole
        How members are put together for runs as the training runs are.
    lacking
        The same for runs of which less was measured; None where no member was seen to predict
        such, and `whole` serves for all.
    """

    whole: Combination
    lacking: Combination | None = None

    def __post_init__(self) -> None:
        """Refuse two ways that are of different members."""
        if self.lacking is not None and self.lacking.stack.names != self.names:
            raise ValueError("runs that lack data are predicted by other members than whole ones")

    @property
    def names(self) -> tuple[str, ...]:
        """``[member]``."""
        return self.whole.stack.names

    def probabilities(
        self,
        members: ArrayLike,
        instruments: Instruments,
        *,
        lacks: BoolArray | None = None,
        distance: ArrayLike | None = None,
    ) -> FloatArray:
        """Probabilities ``[run, family]`` from those of `members` ``[member, run, family]``.

        Parameters
        ----------
        members
            Of each member.
        instruments
            Of the runs ``[run]``.
        lacks
            Which runs lack data ``[run]``; None for none.
        distance
            Of each run from its nearest training run ``[run]``; None where it is not known.
        """
        found = self.whole.probabilities(members, instruments, distance)
        if self.lacking is None or lacks is None or not lacks.any():
            return found
        of_lacking = self.lacking.probabilities(members, instruments, distance)
        return np.where(lacks[:, None], of_lacking, found)

    def calls(
        self,
        probability: ArrayLike,
        instruments: Instruments,
        *,
        lacks: BoolArray | None = None,
        distance: ArrayLike | None = None,
    ) -> NDArray[np.str_]:
        """Calls ``[run, family]`` on probabilities ``[run, family]``: see `egams.ensemble.calls`.

        Parameters as `probabilities`, which gives the probabilities.
        """
        called = self.whole.calls.of(probability, instruments, distance)
        if self.lacking is None or lacks is None:
            return called
        of_lacking = self.lacking.calls.of(probability, instruments, distance)
        return np.where(lacks[:, None], of_lacking, called)

    def without_unused(self) -> Ensemble:
        """Leave out members that have no weight."""
        weights = [way.stack.weights for way in (self.whole, self.lacking) if way is not None]
        used = np.flatnonzero(np.any(weights, axis=0))
        lacking = None if self.lacking is None else self.lacking.of_members(used)
        return Ensemble(self.whole.of_members(used), lacking)


@dataclass(frozen=True, eq=False)
class NestedEnsemble:
    """Predictions of each fold by the ensemble fitted on the other folds.

    Parameters
    ----------
    probabilities
        ``[run, family]``.
    calls
        ``[run, family]``: see `egams.ensemble.calls`.
    """

    probabilities: FloatArray
    calls: NDArray[np.str_]


def fit_ensemble(
    labels: ArrayLike,
    members: ArrayLike,
    names: tuple[str, ...],
    instruments: Instruments,
    *,
    distance: ArrayLike | None = None,
    at_most: int | None = None,
    lacking: OutOfFoldPredictions | None = None,
) -> Ensemble:
    """Fit weights, calibration, clips and calls, in this order, on the same predictions.

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
    distance
        From the nearest training run ``[run]``; None where it is not known.
    at_most
        Most members that may have weight: the first so many of forward selection
        (`egams.ensemble.selection.select_members`), made on the same predictions. None for all.
    lacking
        Out-of-fold predictions, by the same members, of versions of the runs that lack data.

    Raises
    ------
    ConfigError
        If `at_most` is below 1.
    """
    p = np.asarray(members)
    chosen = _chosen(labels, p, names, at_most)
    whole = _combination(labels, p, names, instruments, distance, chosen)
    if lacking is None:
        return Ensemble(whole)
    means, of, away = lacking.mean_over_draws, lacking.instruments, lacking.distance
    return Ensemble(whole, _combination(lacking.labels, means, names, of, away, chosen))


def fit_to(
    predictions: OutOfFoldPredictions,
    *,
    at_most: int | None = None,
    lacking: OutOfFoldPredictions | None = None,
) -> Ensemble:
    """Fit an ensemble to predictions of a study.

    Parameters
    ----------
    predictions
        Of whole runs.
    at_most, lacking
        As `fit_ensemble` takes them.
    """
    return fit_ensemble(
        predictions.labels,
        predictions.mean_over_draws,
        predictions.names,
        predictions.instruments,
        distance=predictions.distance,
        at_most=at_most,
        lacking=lacking,
    )


def _chosen(
    labels: ArrayLike, members: NDArray[np.generic], names: tuple[str, ...], at_most: int | None
) -> list[int]:
    if at_most is None or at_most >= len(names):
        return list(range(len(names)))
    added = select_members(labels, members, names, max_size=at_most).added
    # In the order of `names`: the order in which members were added decides nothing.
    return [place for place, name in enumerate(names) if name in added]


def _combination(
    labels: ArrayLike,
    members: NDArray[np.generic],
    names: tuple[str, ...],
    instruments: Instruments,
    distance: ArrayLike | None,
    chosen: list[int],
) -> Combination:
    weights = np.zeros(len(names))
    some = tuple(names[place] for place in chosen)
    weights[chosen] = fit_stack(labels, members[chosen], some).weights
    stack = Stack(names, weights)
    stacked = stack.probabilities(members)
    calibration = fit_calibration(labels, stacked, instruments, distance)
    calibrated = calibration.apply(stacked, instruments, distance)
    choices = choose_clip(labels, calibrated, np.asarray(instruments))
    clips = {name: choice.clip for name, choice in choices.items()}
    clipped = clip_probabilities(calibrated, run_clips(instruments, clips))
    return Combination(
        stack=stack,
        calibration=calibration,
        clips=clips,
        clip_notes={name: choice.note for name, choice in choices.items() if choice.note},
        calls=fit_calls_by_distance(labels, clipped, instruments, distance),
    )


def nested_ensemble(
    predictions: OutOfFoldPredictions, *, at_most: int | None = None
) -> NestedEnsemble:
    """Fit an ensemble for each fold on `predictions` of the others, and apply it to that fold.

    With `at_most`, as in `fit_ensemble`, the members are chosen on the other folds too.

    What is nested is the ensemble. Its members are the usual out-of-fold ones: those that predict
    the other folds were trained on this fold too.
    """
    members = predictions.mean_over_draws
    probabilities = np.empty(predictions.labels.shape)
    calls = np.empty(predictions.labels.shape, dtype="<U9")
    for held in held_out_masks(predictions.folds, len(predictions.labels)):
        others, here = predictions.of_runs(~held), predictions.of_runs(held)
        fitted = fit_to(others, at_most=at_most)
        probabilities[held] = fitted.probabilities(
            members[:, held], here.instruments, distance=here.distance
        )
        calls[held] = fitted.calls(probabilities[held], here.instruments, distance=here.distance)
    return NestedEnsemble(probabilities, calls)


def ensemble_scores(
    predictions: OutOfFoldPredictions, *, at_most: int | None = None
) -> dict[str, float]:
    """Mean log loss on `predictions`, out of fold, of the ensemble of `at_most` members.

    ``nested``: fitted on the other folds; ``in_sample``: fitted on the runs it is scored on;
    ``all_members``: plain mean of all members.
    """
    y, mean, of = predictions.labels, predictions.mean_over_draws, predictions.instruments
    fitted = fit_to(predictions, at_most=at_most)
    nested = nested_ensemble(predictions, at_most=at_most)
    return {
        "nested": mean_log_loss(y, nested.probabilities),
        "in_sample": mean_log_loss(
            y, fitted.probabilities(mean, of, distance=predictions.distance)
        ),
        "all_members": mean_log_loss(y, mean_probability(mean)),
    }
