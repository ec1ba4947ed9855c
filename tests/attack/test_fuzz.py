"""A few seconds of `make fuzz`: nothing but refusals in words and what the whole files give."""

from __future__ import annotations

from pathlib import Path

import fuzz
import pytest


def test_mutants_are_refused_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SLICE", 2)
    counts = fuzz.fuzz(tmp_path, 1, lambda rounds: rounds == 1, native=False)
    assert set(fuzz.total(counts)) <= set(fuzz.GOOD)
    assert len({name for name, _ in counts}) > 30
