"""Files to read."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.datastructures import UploadFile as SentFile

from egams.errors import InputError
from egams.web.answers import Answer
from egams.web.shapes import WorkShape
from egams.web.shown import shown_work
from egams.web.workbench import Bench

router = APIRouter(prefix="/api", tags=["files"])
LONGEST_NAME = 200


@router.post("/files", status_code=202, response_model=WorkShape)
def add_file(
    bench: Bench,
    file: UploadFile,
    temperature: UploadFile | None = None,
    reading: Annotated[str | None, Form(description="JSON; see `POST /work/{id}/reading`")] = None,
) -> Answer:
    """Keep a file, to be read and predicted; the answer is the work of doing so."""
    settings = {"reading": stated(reading)}
    with (
        received(bench.scratch, file) as path,
        received(bench.scratch, temperature) as curve,
        bench.room_for(path, curve),
    ):
        work = bench.library.submit(
            "read",
            name_of(file),
            settings,
            path,
            None if temperature is None or curve is None else (name_of(temperature), curve),
            most_open=bench.limits.open_work,
        )
    bench.wake()
    return Answer(shown_work(work), 202)


@dataclass(frozen=True)
class Statement:
    """What a person states about a file that is here already.

    Parameters
    ----------
    reading
        As `egams.library.reading.Reading` holds it.
    temperature
        File with the temperature over time.
    """

    reading: dict[str, Any]
    temperature: SentFile | None = None


async def statement(request: Request) -> Statement:
    """Take a statement from JSON, or from a form with ``reading`` and ``temperature``.

    Parameters
    ----------
    request
        Holds it.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        form = await request.form(max_files=1, max_fields=4)
        reading, curve = form.get("reading"), form.get("temperature")
        named = curve if isinstance(curve, SentFile) else None
        return Statement(stated(reading if isinstance(reading, str) else None), named)
    return Statement(stated((await request.body()).decode("utf-8", "replace")))


def stated(text: str | None) -> dict[str, Any]:
    """Return what a person states about a file.

    Parameters
    ----------
    text
        JSON.

    Raises
    ------
    InputError
        If it is no JSON object.
    """
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InputError("the reading is no JSON", expected='such as {"ramp": 10}') from error
    if not isinstance(found, dict):
        raise InputError("the reading is no JSON object", expected='such as {"ramp": 10}')
    return found


def name_of(file: SentFile) -> str:
    """Return what a file is called, the folders of whoever sent it left out.

    Parameters
    ----------
    file
        As it was sent.
    """
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2].replace("\0", "")
    if len(name) > LONGEST_NAME:  # the end says of what kind it is
        name = f"{name[: LONGEST_NAME - 40]}...{name[-37:]}"
    return name or "file"


@contextmanager
def received(scratch: Path, file: SentFile | None) -> Iterator[Path | None]:
    """Give a file that was sent a path for a while, which has nothing of its name.

    Parameters
    ----------
    scratch
        Folder for it.
    file
        As it was sent; None gives None.
    """
    if file is None:
        yield None
        return
    with tempfile.NamedTemporaryFile(dir=scratch) as copy:
        shutil.copyfileobj(file.file, copy, 2**20)
        copy.flush()
        yield Path(copy.name)
