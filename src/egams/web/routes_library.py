"""The library as a whole."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/library", tags=["library"])
