"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same cases each time, lest luck decide about a change that has nothing to do with them; new
# ones are looked for with --hypothesis-profile=search.
settings.register_profile("egams", max_examples=25, derandomize=True, **COMMON)
settings.register_profile("search", max_examples=1000, **COMMON)
settings.load_profile("egams")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the challenge's own runs: ``mars-ega/`` and ``drivendata-mini/``."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EGAMS_DATA", beside))
    if not (folder / "mars-ega").is_dir():
        pytest.skip("the challenge's runs are not at EGAMS_DATA or ../shared/data")
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One artifact of every kind; whoever spoils one mends it, or spoils a copy."""
    from test_damage import make_all

    return make_all(tmp_path_factory.mktemp("made"))
