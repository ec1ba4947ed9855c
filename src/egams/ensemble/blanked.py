"""Predictions of runs with a blank subtracted, and of the same runs as measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from egams.ensemble.predictions import Predictions
from egams.errors import InputError
from egams.io import open_source
from egams.io.sniff import Runs
from egams.store.blanked import BlankedSource, read_blank
from egams.store.run_store import RunStore

if TYPE_CHECKING:
    from egams.ensemble.bundle import Bundle


def predict_without_blank(
    bundle: Bundle, runs: Runs | RunStore, blank: Runs, **settings: Any
) -> Predictions:
    """Predict runs with a blank subtracted; each carries what it is without that.

    Parameters
    ----------
    bundle
        Predicts.
    runs
        As for `Bundle.predict`, but no store: what is prepared cannot be subtracted from.
    blank
        A run without sample, or whatever holds exactly one.
    **settings
        Of `Bundle.predict`.

    Raises
    ------
    InputError
        If no run can be used, or the runs are prepared already.
    """
    if isinstance(runs, RunStore):
        raise InputError("a blank for runs that are prepared already", expected="runs as measured")
    source = open_source(runs)
    corrected = bundle.predict(BlankedSource(source, read_blank(blank)), **settings)
    measured = bundle.predict(source.only(corrected.run_ids), **settings)
    before = dict(zip(measured.run_ids, measured.probabilities, strict=True))
    return Predictions(
        [replace(run, as_measured=before.get(run.run_id)) for run in corrected], corrected.skipped
    )
