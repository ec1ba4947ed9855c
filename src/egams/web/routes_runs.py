"""Runs of the library."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from egams.web.answers import Answer
from egams.web.shapes import RowList, RunShape
from egams.web.shown import row, whole_run
from egams.web.workbench import Bench

router = APIRouter(prefix="/api/runs", tags=["runs"])


@router.get("", response_model=RowList)
def runs(
    bench: Bench,
    search: str = "",
    family: str = "",
    call: str = "",
    labelled: bool | None = None,
    flagged: bool | None = None,
    sort: str = "added",
    descending: bool = False,
    limit: Annotated[int, Query(ge=0, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Answer:
    """Return runs by what they are called and how they were predicted."""
    digest = bench.bundle.digest
    called = (family, call) if family and call else None
    found, total = bench.library.runs(
        search, called, labelled, flagged, sort, descending, limit, offset, digest
    )
    return Answer({"runs": [row(run, digest) for run in found], "total": total})


@router.get("/{id}", response_model=RunShape)
def run(bench: Bench, id: int) -> Answer:
    """Return a run and its answer."""
    digest = bench.bundle.digest
    found = bench.library.run(id, digest)
    return Answer(whole_run(found, digest, bench.library.answers(id)))
