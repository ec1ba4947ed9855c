"""`Batch`: runs of several files as one source, so that many small files are predicted at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from egams.ensemble.bundle import Bundle
from egams.ensemble.predictions import RunPrediction
from egams.errors import InputError
from egams.io import RunSource
from egams.library.records import FoundRun
from egams.run import Run


@dataclass(frozen=True)
class Place:
    """A run and where it is.

    Parameters
    ----------
    source
        Of the run.
    run_id
        Its name there.
    """

    source: RunSource
    run_id: str


@dataclass(eq=False)
class Batch:
    """Runs of several sources, each by the number of its place.

    Parameters
    ----------
    places
        Where the runs are.
    found
        Of runs that were loaded, what is kept, by number.
    errors
        Why runs could not be loaded, by number.
    """

    places: Sequence[Place]
    found: dict[str, FoundRun] = field(default_factory=dict)
    errors: dict[str, InputError] = field(default_factory=dict)
    name: str = "files"

    @property
    def ids(self) -> tuple[str, ...]:
        """Numbers of the places, as text."""
        return tuple(map(str, range(len(self.places))))

    def load(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        place = self.places[int(run_id)]
        try:
            run = place.source.load(place.run_id)
            self.found[run_id] = FoundRun.of(replace(run, run_id=place.run_id))
        except InputError as error:
            self.errors[run_id] = error
            raise
        return replace(run, run_id=run_id)

    def refusal(self, number: str, reason: str) -> InputError:
        """Return why a run cannot be used, under its own name.

        Parameters
        ----------
        number
            Of the run.
        reason
            As it was skipped.
        """
        own = self.places[int(number)].run_id
        text = reason.rstrip(".").replace(f"run '{number}'", f"run '{own}'")
        return self.errors.get(number) or InputError(text)

    def kept(self, prediction: RunPrediction, digest: str) -> FoundRun:
        """Return what is to be kept of a run, its answer with all digits.

        Parameters
        ----------
        prediction
            Of the run.
        digest
            Of the bundle that predicted.
        """
        found = self.found[prediction.run_id]
        named = replace(prediction, run_id=found.run_id)
        return replace(found, prediction=named.details(rounded=False), bundle=digest)

    def fingerprint(self, run_id: str) -> str:
        """Return the number: batches are not kept."""
        return run_id

    def only(self, ids: Sequence[str]) -> Batch:
        """Return itself: it is read in this process alone."""
        return self


def predicted(places: Sequence[Place], bundle: Bundle, digest: str) -> list[FoundRun | InputError]:
    """Predict runs together, each as if it were alone.

    Parameters
    ----------
    places
        Where they are.
    bundle
        What predicts.
    digest
        Of the bundle.

    Returns
    -------
    list of FoundRun or InputError
        What is to be kept of each, or why it cannot be used.
    """
    batch = Batch(places)
    try:
        answer = bundle.predict(batch, jobs=1, strict=len(places) == 1)
    except InputError as error:
        if len(places) > 1:  # none of them can be used
            return [one for place in places for one in predicted([place], bundle, digest)]
        return [batch.refusal("0", str(error))]
    predictions = {one.run_id: one for one in answer}
    reasons = {skipped.run_id: skipped.reason for skipped in answer.skipped}
    return [
        batch.refusal(number, reasons[number])
        if number in reasons
        else batch.kept(predictions[number], digest)
        for number in batch.ids
    ]
