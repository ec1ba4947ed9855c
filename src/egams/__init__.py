"""egams: which families of compounds are in this sample, how sure, and what in the data says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from egams.ensemble.bundle import load_bundle as load_bundle
    from egams.ensemble.shards import predict_shards as predict_shards
    from egams.ensemble.shards import read_shards as read_shards
    from egams.ensemble.teach import teach as teach
    from egams.explain.explain import explain_run as explain_run
    from egams.explain.explanation import Explanation as Explanation
    from egams.explain.peaks import peaks as peaks
    from egams.families import FAMILIES as FAMILIES
    from egams.io import read as read
    from egams.io import register_reader as register_reader
    from egams.io.reader_contract import check_reader as check_reader
    from egams.models.registry import register_model as register_model
    from egams.report.figure import plot_run as plot_run
    from egams.run import Run as Run
    from egams.store.prepare import prepare as prepare
    from egams.store.run_store import RunStore as RunStore
    from egams.study.folds import FoldSettings as FoldSettings
    from egams.study.make_bundle import make_bundle as make_bundle
    from egams.training.compute import Compute as Compute
    from egams.training.cross_validation import cross_validate as cross_validate
    from egams.training.model_contract import check_model as check_model

_HOME = {
    "Compute": "egams.training.compute",
    "Explanation": "egams.explain.explanation",
    "FAMILIES": "egams.families",
    "FoldSettings": "egams.study.folds",
    "Run": "egams.run",
    "RunStore": "egams.store.run_store",
    "check_model": "egams.training.model_contract",
    "check_reader": "egams.io.reader_contract",
    "cross_validate": "egams.training.cross_validation",
    "explain_run": "egams.explain.explain",
    "load_bundle": "egams.ensemble.bundle",
    "make_bundle": "egams.study.make_bundle",
    "peaks": "egams.explain.peaks",
    "plot_run": "egams.report.figure",
    "predict_shards": "egams.ensemble.shards",
    "prepare": "egams.store.prepare",
    "read": "egams.io",
    "read_shards": "egams.ensemble.shards",
    "register_model": "egams.models.registry",
    "register_reader": "egams.io",
    "teach": "egams.ensemble.teach",
}
__all__ = [
    "FAMILIES",
    "Compute",
    "Explanation",
    "FoldSettings",
    "Run",
    "RunStore",
    "__version__",
    "check_model",
    "check_reader",
    "cross_validate",
    "explain_run",
    "load_bundle",
    "make_bundle",
    "peaks",
    "plot_run",
    "predict_shards",
    "prepare",
    "read",
    "read_shards",
    "register_model",
    "register_reader",
    "teach",
]


def __getattr__(name: str) -> Any:
    # Torch and pyarrow take a second to import: each is loaded when a name that needs it is used.
    if name not in _HOME:
        raise AttributeError(f"module 'egams' has no attribute '{name}'")
    import importlib

    try:
        return getattr(importlib.import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        from egams.extras import not_installed

        raise not_installed(error) from error


def __dir__() -> list[str]:
    return __all__
