"""Answers of the server: JSON without NaN, and errors for the person who reads them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

from egams.errors import InputError

PARTS = ("problem", "file", "row", "column", "expected", "hint")


class Answer(JSONResponse):
    """JSON in which what is not measured is null."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the answer."""
        try:
            text = _text(content)
        except ValueError:
            text = _text(without_nan(content))
        return text.encode("utf-8", "replace")


def without_nan(content: Any) -> Any:
    """Return JSON with null in place of NaN and infinite numbers.

    Parameters
    ----------
    content
        What JSON holds, or tuples and mappings of it.
    """
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [without_nan(value) for value in content]
    return content


def error_details(error: Exception) -> dict[str, Any]:
    """Return an error as JSON holds it.

    Parameters
    ----------
    error
        As it was raised.
    """
    if isinstance(error, InputError):
        return {name: getattr(error, name) for name in PARTS} | {"text": str(error)}
    return dict.fromkeys(PARTS) | {"problem": str(error), "text": str(error)}


def refused(
    status: int, problem: str, hint: str | None = None, expected: str | None = None
) -> Answer:
    """Return the answer to what is not done.

    Parameters
    ----------
    status
        Of HTTP.
    problem, hint, expected
        As `egams.errors.InputError` has them.
    """
    error = InputError(problem, hint=hint, expected=expected)
    return Answer({"error": error_details(error)}, status)


def _text(content: Any) -> str:
    return json.dumps(
        content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
