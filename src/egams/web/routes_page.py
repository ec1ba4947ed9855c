"""The page and what belongs to it: files of the package, by a fixed list of names."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse

from egams import __version__
from egams.extras import load

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).with_name("page")
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PLOTLY = "plotly.min.js"
YEAR = "private, max-age=31536000, immutable"


@router.get("/")
def page() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(_page(), headers={"cache-control": "no-cache"})


@router.get("/static/{name:path}")
def static(name: str, request: Request) -> FileResponse:
    """Return a file that belongs to the page; a browser keeps it where its version is named."""
    path = _files().get(name)
    if path is None:
        raise HTTPException(404, "there is no such file")
    known = request.query_params.get("v") == version()
    headers = {"cache-control": YEAR if known else "no-cache"}
    return FileResponse(path, media_type=KINDS[path.suffix], headers=headers)


@cache
def version() -> str:
    """Return what changes with the page: a hash of its files."""
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(FOLDER.iterdir()):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _page() -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("index.html.j2").render(version=version())


@cache
def _files() -> dict[str, Path]:
    """Files that may be sent, by the only names that they have."""
    found = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
    load("plotly")
    found[PLOTLY] = Path(str(resources.files("plotly").joinpath("package_data", PLOTLY)))
    return found
