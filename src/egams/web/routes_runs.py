"""Runs of the library."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from egams.errors import InputError
from egams.families import FAMILIES
from egams.web.answers import Answer
from egams.web.routes_outputs import numbers
from egams.web.shapes import DeletedShape, LabelsShape, RemarkShape, RowList, RunShape, WorkShape
from egams.web.shown import row, shown_work, whole_run
from egams.web.words import so_many_runs
from egams.web.workbench import Bench, Id

router = APIRouter(prefix="/api/runs", tags=["runs"])


@router.get("", response_model=RowList)
def runs(
    bench: Bench,
    search: str = "",
    family: str = "",
    call: Annotated[str, Query(description="Of the family; of any, if none is named")] = "",
    labelled: bool | None = None,
    flagged: bool | None = None,
    stale: bool | None = None,
    sort: str = "added",
    descending: bool = False,
    limit: Annotated[int, Query(ge=0, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    name: Annotated[str, Query(description="All of a run's name")] = "",
    ids: Annotated[str, Query(description="Only of these, such as 1,2")] = "",
) -> Answer:
    """Return runs by what they are called and how they were predicted."""
    digest = bench.bundle.digest
    if family and family not in FAMILIES:
        raise InputError(f"there is no family '{family[:80]}'", expected=", ".join(FAMILIES))
    called = (family, call) if call else None
    how = (labelled, flagged, sort, descending, limit, offset, digest, stale, name, numbers(ids))
    found, total = bench.library.runs(search, called, *how)
    return Answer({"runs": [row(run, digest) for run in found], "total": total})


@router.get("/{id}", response_model=RunShape)
def run(bench: Bench, id: Id) -> Answer:
    """Return a run and its answer."""
    digest = bench.bundle.digest
    found = bench.library.run(id, digest)
    return Answer(whole_run(found, digest, bench.library.answers(id)))


@router.put("/{id}/remark", response_model=RemarkShape)
def remark(
    bench: Bench, id: Id, remark: Annotated[str, Body(embed=True, max_length=100_000)]
) -> Answer:
    """Write a remark in place of the earlier one."""
    bench.library.set_remark(id, remark)
    return Answer({"remark": bench.library.run(id).remark})


@router.put("/{id}/labels", response_model=LabelsShape)
def labels(
    bench: Bench, id: Id, labels: Annotated[dict[str, int] | None, Body(embed=True)]
) -> Answer:
    """Confirm labels, 0 or 1 for every family; null takes them back."""
    bench.library.confirm(id, labels)
    return Answer({"labels": bench.library.run(id).labels})


@router.post("/delete", response_model=DeletedShape)
def delete(bench: Bench, ids: Annotated[list[Id], Body(embed=True, max_length=100_000)]) -> Answer:
    """Remove runs, what was computed of them, and files that no other run is in; all or none."""
    bench.library.remove(ids)
    return Answer({"deleted": ids})


@router.post("/predict", status_code=202, response_model=WorkShape)
def predict(bench: Bench, ids: Annotated[list[Id] | None, Body(embed=True)] = None) -> Answer:
    """Predict runs with the bundle in use where another one predicted them; all if null."""
    name = "predict all runs again" if ids is None else f"predict {so_many_runs(len(ids))} again"
    work = bench.library.submit("predict", name, {"ids": ids}, most_open=bench.limits.open_work)
    bench.wake()
    return Answer(shown_work(work), 202)
