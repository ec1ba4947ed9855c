"""What leaves the workbench: predictions as a file, reports, the library itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from egams.ensemble.predictions import Predictions, RunPrediction
from egams.errors import InputError
from egams.library.export import labels_csv
from egams.library.records import StoredRun
from egams.web.answers import Answer
from egams.web.long_work import report_of
from egams.web.shapes import PredictionsShape, WorkShape
from egams.web.shown import shown_work
from egams.web.words import so_many_runs
from egams.web.workbench import Bench, Id, Workbench

router = APIRouter(prefix="/api", tags=["outputs"])
Ids = Annotated[str, Query(description="Such as 1,2; all runs if empty")]
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SQLITE = "application/vnd.sqlite3"


def described_file(kind: str) -> dict[str, Any]:
    """Return how a route describes that it answers with a file.

    Parameters
    ----------
    kind
        Media type.
    """
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {"response_class": FileResponse, "responses": {200: {"content": content}}}


@router.get("/predictions.csv", **described_file("text/csv"))
async def as_csv(bench: Bench, ids: Ids = "") -> FileResponse:
    """Return probabilities in the challenge's layout, as ``egams predict -o answers.csv``."""
    return await predictions(bench, ids, "csv")


@router.get("/predictions.xlsx", **described_file(WORKBOOK))
async def as_workbook(bench: Bench, ids: Ids = "") -> FileResponse:
    """Return everything as a workbook, as ``egams predict -o answers.xlsx``."""
    return await predictions(bench, ids, "xlsx")


@router.get("/predictions.json", response_model=PredictionsShape)
async def as_json(bench: Bench, ids: Ids = "") -> FileResponse:
    """Return everything as JSON, as ``egams predict -o answers.json``."""
    return await predictions(bench, ids, "json")


async def predictions(bench: Workbench, ids: str, kind: str) -> FileResponse:
    """Return predictions of runs, under their names in the library, as a file.

    Parameters
    ----------
    bench
        The workbench.
    ids
        Of the runs, commas between them; all if empty.
    kind
        Suffix of the file.
    """

    def write(path: Path) -> None:
        stored = _stored(bench, numbers(ids))
        Predictions(
            replace(RunPrediction.of_details(run.prediction), run_id=run.name)
            for run in stored
            if run.prediction is not None
        ).save(path)

    return await bench.heavy(lambda: made_file(bench, write, f"predictions.{kind}"), slow=True)


@router.post("/report", status_code=202, response_model=WorkShape)
def report(
    bench: Bench,
    ids: Annotated[list[Id] | None, Body()] = None,
    evidence: Annotated[bool | None, Body()] = None,
    interactive: Annotated[bool, Body()] = False,
) -> Answer:
    """Write a report of runs, all if none are named; ``GET /work/{id}/file`` returns it."""
    settings = {"ids": ids, "evidence": evidence, "interactive": interactive}
    name = "report of all runs" if ids is None else f"report of {so_many_runs(len(ids))}"
    work = bench.library.submit("report", name, settings, most_open=bench.limits.open_work)
    bench.wake()
    return Answer(shown_work(work), 202)


@router.get("/work/{id}/file", **described_file("text/html"))
def file_of(bench: Bench, id: Id) -> FileResponse:
    """Return the report that a work wrote."""
    work = bench.library.work(id)
    path = report_of(bench.library, work.id)
    if work.kind != "report" or work.state != "done" or not path.is_file():
        raise InputError(f"work {id} has no file", expected="a report that is done")
    return FileResponse(path, media_type="text/html", filename=f"egams-report-{id}.html")


@router.get("/library/labels.csv", **described_file("text/csv"))
def labels(bench: Bench) -> Response:
    """Return confirmed labels in the challenge's layout, as ``egams teach --labels`` reads them."""
    runs, _ = bench.library.runs(labelled=True, sort="name", limit=-1)
    named = {"content-disposition": 'attachment; filename="labels.csv"'}
    return Response(labels_csv(runs), media_type="text/csv", headers=named)


@router.get("/library/export", **described_file("application/zip"))
async def export(bench: Bench) -> FileResponse:
    """Return everything as a zip that any program reads, and egams as its own input."""

    def write(path: Path) -> None:
        bench.library.export(path)

    return await bench.heavy(lambda: made_file(bench, write, "egams-library.zip"), slow=True)


@router.get("/library/backup", **described_file(SQLITE))
async def backup(bench: Bench) -> FileResponse:
    """Return the library as it is at one moment, checked."""

    def write(path: Path) -> None:
        bench.library.backup(path)

    return await bench.heavy(lambda: made_file(bench, write, "library.db"), slow=True)


def numbers(ids: str) -> list[int] | None:
    """Read ``1,2``; None where it is empty.

    Parameters
    ----------
    ids
        As they stand in an address.

    Raises
    ------
    InputError
        If one is no number.
    """
    parts = [part.strip() for part in ids.split(",") if part.strip()]
    wrong = next((part for part in parts if not (part.isascii() and part.isdigit())), None)
    if wrong is not None:
        raise InputError(f"'{wrong[:80]}' is no id", expected="ids such as 1,2")
    return [int(part[:18]) for part in parts] or None


def made_file(bench: Workbench, write: Callable[[Path], None], name: str) -> FileResponse:
    """Return a file that is made for this answer alone.

    Parameters
    ----------
    bench
        The workbench.
    write
        Writes it to a path.
    name
        What it is called where it is saved.
    """
    handle, made = tempfile.mkstemp(suffix=Path(name).suffix, dir=bench.scratch)
    os.close(handle)
    path = Path(made)
    try:
        write(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    task = BackgroundTask(path.unlink, missing_ok=True)
    kind = SQLITE if path.suffix == ".db" else None  # others are known by their suffix
    return FileResponse(path, media_type=kind, filename=name, background=task)


def _stored(bench: Workbench, ids: list[int] | None) -> list[StoredRun]:
    digest = bench.bundle.digest
    if ids is None:
        return bench.library.runs(limit=-1, bundle=digest)[0]
    return [bench.library.run(id, digest) for id in ids]
