"""What the workbench is at."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from egams import __version__
from egams.families import FAMILIES
from egams.web.answers import Answer
from egams.web.shapes import StatusShape
from egams.web.workbench import Bench

router = APIRouter(prefix="/api", tags=["status"])
COUNTED = ("queued", "working", "asking")


@router.get("/status", response_model=StatusShape)
def status(bench: Bench) -> Answer:
    """Return versions, the bundle in use, limits, and how much work waits."""
    library = bench.library
    counts = library.work_counts()
    content: dict[str, Any] = {
        "version": __version__,
        "revision": library.revision,
        "library": str(library.path),
        "bundle": bench.bundle.details(),
        "families": list(FAMILIES),
        "limits": {
            "upload_bytes": bench.limits.upload_bytes,
            "open_work": bench.limits.open_work,
        },
        "work": {state: counts.get(state, 0) for state in COUNTED},
        "runs": library.runs(limit=0)[1],
    }
    return Answer(content)
