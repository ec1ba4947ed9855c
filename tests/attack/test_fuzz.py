"""A few seconds of `make fuzz`: nothing but refusals in words and what the whole files give."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz
import pytest
from fuzz_changes import bytes_of_any
from fuzz_kinds import Kind, kinds


def test_mutants_are_refused_or_read(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "SLICE", 2)
    found = dict(kinds(tmp_path, native=False, made=made))
    counts = fuzz.fuzz(found, 1, lambda rounds: rounds == 1, tmp_path)
    assert set(fuzz.total(counts)) <= set(fuzz.GOOD)
    assert len({name for name, _ in counts}) > 30


def leave_a_process(_: Path) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


WRONG: dict[str, Callable[[Path], Any]] = {
    "silent other answer": lambda folder: (folder / "file").read_bytes(),
    "traceback": lambda folder: 1 / 0,
    "crash by SIGKILL": lambda folder: os.kill(os.getpid(), 9),
    "files left": lambda folder: (folder / "other").touch(),
    "files changed": lambda folder: (folder / "beside").write_text("x"),
    "processes left": leave_a_process,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_may_not_come_of_a_mutant_is_counted(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "SLICE", 3)
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "file").write_bytes(b"content of some length")
    (whole / "beside").write_bytes(b"")
    kind = Kind(whole, bytes_of_any, WRONG[wrong], exact=wrong.startswith("silent"))
    came = list(fuzz.slice_of(kind, b"content of some length", 0, 0, tmp_path / "tried"))
    assert any(each.startswith(wrong) for each in came), came
