"""egams: which families of compounds are in this sample, how sure, and what in the data says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from egams.ensemble.predictor import load_bundle as load_bundle
    from egams.families import FAMILIES as FAMILIES
    from egams.io import read as read
    from egams.run import Run as Run
    from egams.store.prepare import prepare as prepare
    from egams.store.run_store import RunStore as RunStore
    from egams.training.cross_validation import cross_validate as cross_validate

_HOME = {
    "FAMILIES": "egams.families",
    "Run": "egams.run",
    "RunStore": "egams.store.run_store",
    "cross_validate": "egams.training.cross_validation",
    "load_bundle": "egams.ensemble.predictor",
    "prepare": "egams.store.prepare",
    "read": "egams.io",
}
__all__ = [
    "FAMILIES",
    "Run",
    "RunStore",
    "__version__",
    "cross_validate",
    "load_bundle",
    "prepare",
    "read",
]


def __getattr__(name: str) -> Any:
    # Torch and pyarrow take a second to import: each is loaded when a name that needs it is used.
    if name not in _HOME:
        raise AttributeError(f"module 'egams' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
