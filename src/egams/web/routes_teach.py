"""Lessons: labelled runs are taught to a bundle, which is used when a person says so."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body

from egams.errors import EgamsError, InputError
from egams.web.active import LostBundleError
from egams.web.answers import Answer
from egams.web.shapes import BundleShape, WorkShape
from egams.web.shown import shown_work
from egams.web.words import so_many_runs
from egams.web.workbench import Bench, Id

router = APIRouter(prefix="/api", tags=["teach"])


@router.post("/teach", status_code=202, response_model=WorkShape)
def teach(bench: Bench) -> Answer:
    """Teach all runs whose labels are confirmed; the result says what that changes."""
    total = bench.library.runs(labelled=True, limit=0)[1]
    if not total:
        raise InputError("no run has confirmed labels", hint="Confirm the labels of some runs.")
    work = bench.library.submit(
        "teach", f"lesson of {so_many_runs(total)}", {}, most_open=bench.limits.open_work
    )
    bench.wake()
    return Answer(shown_work(work), 202)


@router.post("/bundle", response_model=BundleShape)
def use(bench: Bench, work: Annotated[Id | Literal["shipped"], Body(embed=True)]) -> Answer:
    """Use the bundle of a lesson from now on, or again the one that egams ships."""
    if work == "shipped":
        bench.bundle.use(None)
        return Answer(bench.bundle.details())
    found = bench.library.work(int(work))
    digest = found.result.get("bundle") if isinstance(found.result, dict) else None
    if found.kind != "teach" or digest is None:
        raise InputError(f"work {work} is no lesson that is done", expected="the id of one")
    try:
        bench.bundle.use(str(digest))
    except LostBundleError as error:
        raise EgamsError(f"{error} Teach again: the labels are still there.") from error
    return Answer(bench.bundle.details())
