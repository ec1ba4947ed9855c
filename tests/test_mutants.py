"""Spoilt files of every format are refused in words or read whole; none ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egams.io.reader_contract import spoil
from egams.run import Run
from mutants import SAMPLES, outcome

MUTANTS = 25


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_spoilt_file_is_refused_or_read(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(list(SAMPLES).index(kind))
    whole = outcome(kind, SAMPLES[kind][1], tmp_path)
    assert isinstance(whole, Run) or kind == "mapping", whole
    for _ in range(MUTANTS):
        outcome(kind, spoil(SAMPLES[kind][1], rng), tmp_path)
