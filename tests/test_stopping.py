"""Trainings that are stopped, from outside or by the clock, go on as if they never had been."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import EGAMS
from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.jobs.duration import duration, seconds_of
from egams.jobs.stopping import StoppedError, never, stop_on_signals
from egams.models.predictor import Predictor
from egams.models.trees import LightgbmConfig
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.progress import Progress
from egams.study.study import Study
from egams.training.compute import Compute
from egams.training.controls import Controls
from egams.training.cross_validation import cross_validate
from egams.training.train import train_experiment
from training_samples import labelled_runs, tiny_experiment

EPOCHS = 120
FOLDS = 3
SETTINGS: dict[str, Any] = {"folds": FOLDS, "draws": 2, "seed": 5}


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stopping") / "store"
    prepare(labelled_runs(12, 0), path, jobs=1)
    return path


def weights(folder: Path) -> dict[str, bytes]:
    paths = [*folder.rglob("*.safetensors"), *folder.rglob("*.parquet")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def processes_of(session: int) -> list[int]:
    """Live processes of a session, whatever became of their parents."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def until(true: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def as_in_a_terminal() -> None:
    # A shell in the background starts its children deaf to interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_stopped_by_every_means_and_then_as_if_never_stopped(
    store_path: Path, tmp_path: Path
) -> None:
    experiment, folder = tiny_experiment(epochs=EPOCHS), tmp_path / "stopped"
    file, study = tmp_path / "tiny.json", Study(folder)
    file.write_text(experiment.model_dump_json())
    command = [EGAMS, "cross-validate", store_path, "-o", folder, "--experiment", file]
    command += ["--jobs", "2", "--folds", FOLDS, "--draws", "2", "--seed", "5"]

    def done() -> dict[str, int]:
        found = {str(fold): Progress.read(study, ("tiny", str(fold))) for fold in range(FOLDS)}
        return {fold: known.done for fold, known in found.items() if known is not None}

    def stop_by(send: Callable[[int], None]) -> tuple[int, str]:
        """Stop the command when a training is further than it was, and another about to be."""
        before = done()

        def further() -> bool:
            return any(known > before.get(fold, 0) for fold, known in done().items())

        process = subprocess.Popen(
            [str(word) for word in command],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            preexec_fn=as_in_a_terminal,  # noqa: PLW1509 - no threads here
        )
        until(lambda: process.poll() is not None or further())
        send(process.pid)
        _, said = process.communicate(timeout=300)
        until(lambda: not processes_of(process.pid))
        assert "Traceback" not in said
        return process.returncode, said

    def stopped(said: str) -> tuple[int, ...]:
        """Trainings that are finished, stopped and not begun, as the last line says."""
        found = re.search(
            r"egams: stopped: (\d) of 3 trainings are finished, (\d) stopped with a checkpoint, "
            r"(\d) not begun. Give the same command again to go on.\n$",
            said,
        )
        assert found, said
        return tuple(map(int, found.groups()))

    status, said = stop_by(lambda pid: os.kill(pid, signal.SIGTERM))
    assert status == 143
    assert stopped(said) == (0, 2, 1)
    assert len(list(folder.rglob("*.checkpoint"))) == 2
    status, said = stop_by(lambda pid: os.killpg(pid, signal.SIGINT))
    assert status == 130
    assert sum(stopped(said)) == 3
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.checkpoint")}
    status, _ = stop_by(lambda pid: os.kill(pid, signal.SIGKILL))
    assert status == -signal.SIGKILL
    # Its workers noticed, saved what they had and ended.
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*.checkpoint")}
    assert before.keys() <= after.keys()
    assert all(after[path] > made for path, made in before.items())

    late = subprocess.run(
        [*map(str, command), "--time-budget", "0.001"], capture_output=True, text=True, check=True
    )
    assert "egams: the time is up: 0 of 3 trainings are finished, 0 stopped" in late.stderr

    cross_validate(store_path, experiment, folder, jobs=1, **SETTINGS)
    never = cross_validate(store_path, experiment, tmp_path / "never", jobs=1, **SETTINGS)
    assert weights(folder) == weights(never.folder)
    assert not [*folder.rglob("*.checkpoint"), *folder.rglob("*.progress.json")]


def test_trees_go_on_family_by_family(store_path: Path, tmp_path: Path) -> None:
    experiment = Experiment(
        name="trees", model=LightgbmConfig(trees=4, renders=1, fewest_in_leaf=1), evidence=True
    )
    runs = ResidentRuns.load(RunStore.open(store_path)).to("cpu")
    positions, checkpoint = np.arange(len(runs)), tmp_path / "fold-0.checkpoint"
    done: list[int] = []

    def train(stop: Callable[[], bool], seed: int = 0) -> Predictor:
        controls = Controls(checkpoint, lambda number, _total, _loss: done.append(number), stop)
        return train_experiment(experiment, runs, positions, seed, controls)

    for stop_after in (3, 7):
        with pytest.raises(StoppedError, match=f"stopped after {stop_after} of 10 boosters"):
            train(lambda: done[-1] == stop_after)  # noqa: B023 - called at once
    with pytest.raises(ArtifactError, match=r"fold-0.checkpoint: made by .* other settings"):
        train(never, seed=1)
    stopped = train(never)
    assert done == list(range(1, 11))
    checkpoint.unlink()
    for predictor, name in ((stopped, "stopped"), (train(never), "never")):
        (tmp_path / name).mkdir()
        predictor.save(tmp_path / name)
    texts = {path.name: path.read_bytes() for path in (tmp_path / "never").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "stopped").iterdir()} == texts


def test_time_budget_stops_with_a_checkpoint_and_begins_nothing(
    store_path: Path, tmp_path: Path
) -> None:
    experiment = tiny_experiment(epochs=100_000)
    with pytest.raises(StoppedError, match=r"the time is up: 0 of 3 .* 1 stopped .* 2 not") as told:
        compute = Compute(time_budget=1)
        cross_validate(store_path, experiment, tmp_path, jobs=1, compute=compute, **SETTINGS)
    assert told.value.signal is None
    assert (tmp_path / "tiny" / "fold-0.checkpoint").is_file()
    assert not (tmp_path / "tiny" / "fold-1.checkpoint").exists()


@pytest.fixture
def interrupts_are_heard() -> Iterator[None]:
    """Hear them though whoever started the tests, a shell's background say, chose otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts_are_heard")
def test_second_signal_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    for number, kind in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
        with pytest.raises(kind), stop_on_signals() as request:
            os.kill(os.getpid(), number)
            assert request()
            assert request.signal == number
            os.kill(os.getpid(), number)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


def test_lengths_of_time() -> None:
    written = {
        "25m": 1500,
        "1h30m": 5400,
        "90": 90,
        90.5: 90.5,
        "90s": 90,
        "1.5 h": 5400,
        "2H": 7200,
    }
    assert {text: seconds_of(text) for text in written} == written
    for text in ("", "soon", "-5", "0", "5d", "10m1h", "nan"):
        with pytest.raises(ConfigError, match="expected something like 25m, 1h30m"):
            seconds_of(text)
    lengths = (1.23, 59.4, 61, 3599, 5400.0)
    assert [duration(seconds) for seconds in lengths] == [
        "1.2 s",
        "59 s",
        "1 min 01 s",
        "59 min 59 s",
        "1 h 30 min",
    ]
