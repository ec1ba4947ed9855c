"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "egams", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("egams")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the challenge's own runs: ``mars-ega/`` and ``drivendata-mini/``."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EGAMS_DATA", beside))
    if not (folder / "mars-ega").is_dir():
        pytest.skip("the challenge's runs are not at EGAMS_DATA or ../shared/data")
    return folder
