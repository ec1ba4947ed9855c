"""Work of the kind ``read``: files of the library to runs and answers, many files at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from egams.errors import InputError
from egams.library.library import Library
from egams.library.records import FoundRun, LostWorkError, UnknownIdError, Work
from egams.web.active import ActiveBundle
from egams.web.answers import error_details
from egams.web.batch import Place, predicted
from egams.web.questions import needs

RUNS_AT_ONCE = 16
"""Runs that are predicted and kept together."""


def read_files(library: Library, bundle: ActiveBundle, works: Sequence[Work]) -> None:
    """Read files, predict their runs and keep both; what cannot be read is refused or asked about.

    Parameters
    ----------
    library
        Where the files are.
    bundle
        What predicts.
    works
        Of the files, as they were claimed.
    """
    small: list[tuple[Work, Place]] = []
    large: list[tuple[Work, list[Place]]] = []
    for work in works:
        try:
            opened = library.opened(work)
            places = [Place(opened, run_id) for run_id in opened.ids]
        except InputError as error:
            _refuse(library, work, error)
            continue
        if len(places) == 1:
            small.append((work, places[0]))
        else:
            large.append((work, places))
    for first in range(0, len(small), RUNS_AT_ONCE):
        _read_together(library, bundle, small[first : first + RUNS_AT_ONCE])
    for work, places in large:
        with suppress(LostWorkError, UnknownIdError):
            _read_in_parts(library, bundle, work, places)


def _read_together(
    library: Library, bundle: ActiveBundle, files: Sequence[tuple[Work, Place]]
) -> None:
    """Files of one run each."""
    if not files:
        return
    loaded = bundle.get()
    outcomes = predicted([place for _, place in files], loaded.bundle, loaded.digest)
    for (work, _), outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, InputError):
            _refuse(library, work, outcome)
            continue
        with suppress(LostWorkError):
            library.keep_runs(work, [outcome], 1, 1)
            library.finish(work)


def _read_in_parts(
    library: Library, bundle: ActiveBundle, work: Work, places: Sequence[Place]
) -> None:
    """A file of many runs, those left out that were kept before this process began."""
    total, settled = len(places), library.settled(work)
    left = [place for place in places if place.run_id not in settled]
    error: InputError | None = None
    done = total - len(left)
    for first in range(0, len(left), RUNS_AT_ONCE):
        part = left[first : first + RUNS_AT_ONCE]
        loaded = bundle.get()
        outcomes = predicted(part, loaded.bundle, loaded.digest)
        found = [one for one in outcomes if isinstance(one, FoundRun)]
        errors = {
            place.run_id: one
            for place, one in zip(part, outcomes, strict=True)
            if isinstance(one, InputError)
        }
        error = error or next(iter(errors.values()), None)
        done += len(part)
        skipped = {run_id: str(one) for run_id, one in errors.items()}
        library.keep_runs(work, found, done, total, skipped)
    if error is not None and not library.work(work.id).runs:
        _refuse(library, work, error)
    else:
        library.finish(work)


def _refuse(library: Library, work: Work, error: InputError) -> None:
    asked = needs(error)
    result = {"error": error_details(error), "needs": asked}
    with suppress(LostWorkError):
        library.refuse(work, str(error), asking=bool(asked), result=result)
