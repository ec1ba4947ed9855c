"""No process is left behind, however the first one ends, and Ctrl-C never prints a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from egams.io import write_csv
from prepared_samples import simulated
from test_stopping import processes_of, until

ENDINGS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "interrupted": signal.SIGINT}
OUTPUTS = {"prepare": "out", "predict": "out.csv", "report": "out.html"}


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_csv(simulated(0), folder / "r0.csv")
    for number in range(1, 400):
        os.link(folder / "r0.csv", folder / f"r{number}.csv")
    return folder


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """What a shell began in the background ignores interrupts, and so would all it begins."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("command", OUTPUTS)
def test_workers_end_with_the_first_process(
    command: str, ending: str, csvs: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "egams",
            command,
            csvs,
            "-o",
            tmp_path / OUTPUTS[command],
            "--jobs",
            "2",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        until(lambda: process.poll() is not None or len(processes_of(process.pid)) >= 3, 60)
        assert process.poll() is None
        time.sleep(0.3)
        if ending == "interrupted":  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(ENDINGS[ending])
        _, said = process.communicate(timeout=15)  # the pipes are held by nobody
    until(lambda: not processes_of(process.pid), 5)
    assert process.returncode in (-ENDINGS[ending], 128 + ENDINGS[ending])
    assert b"Traceback" not in said
    assert ending == "killed" or not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_an_interrupt_at_any_moment_is_quiet(after: float, csvs: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "egams", "predict", csvs / "r0.csv"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith(b"egams.cli.start"):
                break
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said
    assert process.returncode in (130, 0)
