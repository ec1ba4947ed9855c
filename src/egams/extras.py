"""What is installed on request only, and how to say that it is missing."""

from __future__ import annotations

import importlib
from typing import Any

from egams.errors import ConfigError

EXTRAS = {
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "lightgbm": "train",
    "fsspec": "train",
    "catboost": "catboost",
    "onnxruntime": "onnx",
    "onnx": "onboard",
    "onnxscript": "onboard",
    "ray": "ray",
    "xarray": "xarray",
    "plotly": "interactive",
    "fastapi": "web",
    "uvicorn": "web",
    "python_multipart": "web",
    "platformdirs": "web",
    "python_calamine": "excel",
    "xlsxwriter": "excel",
}
"""Extra of egams that brings each module."""


def load(module: str) -> Any:
    """Import a module that an extra brings.

    Parameters
    ----------
    module
        One of `EXTRAS`.

    Raises
    ------
    ConfigError
        If it is not installed; it names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise not_installed(error) from error


def not_installed(error: ModuleNotFoundError) -> Exception:
    """Return what to raise for a missing module: which extra brings it, if one does.

    Parameters
    ----------
    error
        As Python raised it.
    """
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return error
    return ConfigError(
        f"this needs {module}, which is not installed. "
        f'Install it: pip install "egams[{EXTRAS[module]}]".'
    )
