"""`application`: the workbench as FastAPI answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from egams import __version__
from egams.errors import ArtifactError, ConfigError, EgamsError, InputError
from egams.full_disk import DiskFullError
from egams.library.records import TooMuchWorkError, UnknownIdError
from egams.web import (
    routes_evidence,
    routes_files,
    routes_outputs,
    routes_page,
    routes_pictures,
    routes_runs,
    routes_status,
    routes_teach,
    routes_work,
)
from egams.web.answers import Answer, error_details, refused
from egams.web.guard import BodyError, Guard
from egams.web.security import Rules
from egams.web.shapes import ErrorShape
from egams.web.workbench import Workbench

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig  # which earlier versions do not have

ROUTES = (
    *(routes_page, routes_status, routes_files, routes_work, routes_runs, routes_pictures),
    *(routes_evidence, routes_teach, routes_outputs),
)
SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""Whatever the variables of OpenTelemetry say: nothing of a run leaves this machine."""
REFUSED = (400, 401, 403, 404, 408, 409, 413, 421, 422, 429, 500, 507)
PACKED_FROM = 4096
DESCRIPTION = """
What the page does, scripts may do too. All is JSON as `egams predict --details` writes it; what is
wrong is `{"error": {"problem", "file", "row", "column", "expected", "hint", "text"}}`.
"""


def application(workbench: Workbench, rules: Rules) -> Guard:
    """Return what answers requests.

    Parameters
    ----------
    workbench
        What it is about.
    rules
        Who may speak to it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workbench.start()
        yield
        workbench.stop()

    app = FastAPI(
        title="egams workbench",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # their scripts come from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        telemetry=SILENT,
        default_response_class=Answer,
        responses={status: {"model": ErrorShape} for status in REFUSED},
    )
    app.state.workbench = workbench
    if rules.any_address:  # within this machine it would only cost time
        app.add_middleware(GZipMiddleware, minimum_size=PACKED_FROM, compresslevel=3)
    for routes in ROUTES:
        app.include_router(routes.router)
    for kind, answer in ANSWERS.items():
        app.add_exception_handler(kind, answer)
    return Guard(app, rules, workbench.limits)


def _with_status(status: int) -> Callable[[Request, Exception], Answer]:
    def answer(_: Request, error: Exception) -> Answer:
        return Answer({"error": error_details(error)}, status)

    return answer


def _http(_: Request, error: Exception) -> Answer:
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyError):
        return refused(error.status_code, error.refusal.problem, error.refusal.hint)
    return refused(error.status_code, str(error.detail))


def _invalid(_: Request, error: Exception) -> Answer:
    """Say which part of a request makes no sense."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"] if step != "body")
    return refused(422, f"'{where}': {first['msg']}" if where else str(first["msg"]))


def _fault(_: Request, error: Exception) -> Answer:
    return refused(
        500,
        f"a fault in egams ({type(error).__name__})",
        "Its traceback stands where egams serve runs.",
    )


ANSWERS: dict[type[Exception], Callable[[Request, Exception], Answer]] = {
    UnknownIdError: _with_status(404),
    InputError: _with_status(422),
    ConfigError: _with_status(400),
    ArtifactError: _with_status(500),
    TooMuchWorkError: _with_status(429),
    DiskFullError: _with_status(507),
    EgamsError: _with_status(409),
    HTTPException: _http,
    RequestValidationError: _invalid,
    Exception: _fault,
}
"""How each kind of error is answered."""
