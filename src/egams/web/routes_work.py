"""Work: how far it is, what it asks, and what a person states."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter

from egams.errors import InputError
from egams.library.reading import Reading
from egams.library.records import STATES
from egams.web.answers import Answer
from egams.web.long_work import remove_outputs
from egams.web.preview import preview
from egams.web.routes_files import Statement, name_of, received, statement
from egams.web.shapes import ForgottenShape, PreviewShape, WorkList, WorkShape
from egams.web.shown import shown_work
from egams.web.workbench import Bench, Id

_READING = TypeAdapter(Reading).json_schema() | {"additionalProperties": False}
_FORM = {
    "reading": {"type": "string", "description": "The same as JSON"},
    "temperature": {
        "type": "string",
        "format": "binary",
        "description": "File with the temperature over time",
    },
}
STATED = {
    "required": True,
    "content": {
        "application/json": {"schema": _READING},
        "multipart/form-data": {"schema": {"type": "object", "properties": _FORM}},
    },
}
"""What a person states about a file, as the description has it."""

router = APIRouter(prefix="/api/work", tags=["work"])


@router.get("", response_model=WorkList)
def all_work(
    bench: Bench,
    state: Annotated[str, Query(description="States, commas between them; all if empty")] = "",
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Answer:
    """Return work, newest first."""
    states = state.split(",") if state else None
    unknown = sorted(set(states or ()) - set(STATES))
    if unknown:
        raise InputError(f"there is no state '{unknown[0][:80]}'", expected=", ".join(STATES))
    counts = bench.library.work_counts()
    total = sum(counts.get(each, 0) for each in (STATES if states is None else states))
    found = bench.library.works(states, limit, offset)
    return Answer({"work": list(map(shown_work, found)), "total": total})


@router.get("/{id}", response_model=WorkShape)
def one_work(bench: Bench, id: Id) -> Answer:
    """Return one piece of work."""
    return Answer(shown_work(bench.library.work(id)))


@router.get("/{id}/preview", response_model=PreviewShape)
async def preview_of(bench: Bench, id: Id) -> Answer:
    """Return the first rows of a file, what its columns look like, and what is asked."""
    return await bench.heavy(lambda: Answer(preview(bench.library, bench.library.work(id))))


@router.delete("/{id}", response_model=ForgottenShape)
def forget(bench: Bench, id: Id) -> Answer:
    """Forget work, with its report or lesson; runs that it brought stay."""
    remove_outputs(bench.library, bench.bundle, bench.library.work(id))
    bench.library.forget(id)
    return Answer({"forgotten": id})


@router.post("/{id}/reading", response_model=WorkShape, openapi_extra={"requestBody": STATED})
def read_again(bench: Bench, id: Id, given: Annotated[Statement, Depends(statement)]) -> Answer:
    """Read a file again, as a person states it: JSON, or a form with a file ``temperature``."""
    settings = {**bench.library.work(id).settings, "reading": given.reading}
    with received(bench.scratch, given.temperature) as curve:
        named = given.temperature
        joined = None if named is None or curve is None else (name_of(named), curve)
        work = bench.library.again(id, settings, joined)
    bench.wake()
    return Answer(shown_work(work))
