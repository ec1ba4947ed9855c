"""The contract of executors, run against every one of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from egams.errors import ConfigError
from egams.jobs import own_modules
from egams.jobs.choose import EXECUTORS, choose_executor
from egams.jobs.contract import Executor, Job, JobReport, JobState, process_is_lost
from egams.jobs.device import gpus_for
from egams.jobs.local import LocalExecutor
from egams.jobs.on_ray import RayExecutor
from egams.jobs.processes import ProcessExecutor
from egams.jobs.stopping import never
from job_samples import note_gpu, work

IN_PROCESSES = ["processes", "ray"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    from ray_samples import two_nodes

    with two_nodes():
        yield


@pytest.fixture
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        pytest.importorskip("ray")
        request.getfixturevalue("cluster")
    return choose_executor(request.param, jobs=None if request.param == "local" else 2)


def run(
    executor: Executor, names: Sequence[str], folder: Path, stop=never
) -> tuple[dict[str, JobState], list[JobState], list[JobReport]]:
    """Final states by job, everything that was said, and reports."""
    reports: list[JobReport] = []
    jobs = [Job(name, (name, folder)) for name in names]
    said = list(executor.run(work, jobs, reports.append, stop))
    final = {state.job: state for state in said if state.state != "running"}
    assert len(final) == len([state for state in said if state.state != "running"])
    return final, said, reports


def tries(folder: Path, name: str) -> list[int]:
    """Process of each try."""
    return [int(path.read_text()) for path in sorted(folder.glob(f"{name}.try-*"))]


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_modules_of_one_s_own_are_imported_where_jobs_run(
    executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_modules, "_IMPORTED", {})
    module = f"folders_for_{type(executor).__name__.lower()}"
    (tmp_path / f"{module}.py").write_text(
        "import pathlib\nclass Folder(type(pathlib.Path())): pass", encoding="utf-8"
    )
    own_modules.import_own(str(tmp_path / f"{module}.py"))
    sys.path.remove(str(tmp_path))  # which children would inherit
    folder = sys.modules[module].Folder(tmp_path)
    (state,) = [
        state
        for state in executor.run(work, [Job("a", ("a", folder))], None, never)
        if state.state != "running"
    ]
    assert state == JobState("a", "finished")
    assert (tmp_path / "a").exists()


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_failure_is_told_and_the_others_go_on(executor: Executor, tmp_path: Path) -> None:
    names = ["a", "fails", "hungry", "b", "hungry-once", "hogs-once", "halts-once", "c"]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        final, said, reports = run(executor, names, tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert {name: state.state for name, state in final.items()} == {
        name: "failed" if name in ("fails", "hungry") else "finished" for name in names
    }
    assert final["fails"].reason == "ValueError: fails was asked to"
    assert final["hungry"].reason == "MemoryError: hungry has eaten it (tried twice)"
    assert {name: len(tries(tmp_path, name)) for name in names} == {
        name: 2 if name.startswith("h") else 1 for name in names
    }
    if isinstance(executor, ProcessExecutor):  # a process that lost its GPU has it no more
        assert len(set(tries(tmp_path, "halts-once"))) == 2
    # One thread each, whatever this process has.
    assert {
        (tmp_path / name).read_text()
        for name in names
        if name in final and final[name].state == "finished"
    } == {"1"}
    assert {report.job for report in reports} == set(names)
    begun = [state.job for state in said if state.state == "running"]
    assert sorted(begun) == sorted([*names, *(each for each in names if each.startswith("h"))])
    for name in names:
        order = [state.state for state in said if state.job == name]
        assert order[0] == "running"
        assert order[-1] == final[name].state


@pytest.mark.parametrize("executor", IN_PROCESSES, indirect=True)
def test_process_that_dies_takes_only_its_job_with_it(executor: Executor, tmp_path: Path) -> None:
    final, said, _ = run(executor, ["a", "dies", "b", "dies-once", "c"], tmp_path)
    assert {name: state.state for name, state in final.items()} == {
        "a": "finished",
        "b": "finished",
        "c": "finished",
        "dies": "failed",
        "dies-once": "finished",
    }
    assert "died" in final["dies"].reason
    assert final["dies"].reason.endswith("(tried twice)")
    for name in ("dies", "dies-once"):
        first, second = tries(tmp_path, name)
        assert first != second
        begun = [state for state in said if (state.job, state.state) == (name, "running")]
        (again,) = [state for state in begun if state.reason]
        assert "second try" in again.reason
        assert "died" in again.reason
    if executor.workers is not None and not isinstance(executor, RayExecutor):
        assert "SIGKILL" in final["dies"].reason


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_stop_lets_running_jobs_end_and_begins_no_other(executor: Executor, tmp_path: Path) -> None:
    asked = threading.Event()

    def stop() -> bool:
        if list(tmp_path.glob("waits1.try-*")):
            asked.set()
        return asked.is_set()

    final, said, _ = run(executor, ["waits1", "waits2", "waits3", "waits4"], tmp_path, stop)
    begun = {state.job for state in said}
    assert "waits1" in begun
    assert begun <= {"waits1", "waits2"}
    assert set(final) == begun
    for state in final.values():
        assert (state.state, state.reason) == ("stopped", "stopped after 1 of 2")
        assert (tmp_path / f"checkpoint-{state.job}").is_file()
    final, said, _ = run(executor, ["a", "b"], tmp_path, lambda: True)
    assert (final, said) == ({}, [])


def test_worker_that_is_told_to_stop_keeps_what_it_has(tmp_path: Path) -> None:
    def stop_it() -> None:
        while not (found := tries_begun()):
            time.sleep(0.01)
        os.kill(int(found[0].read_text()), signal.SIGTERM)

    def tries_begun() -> list[Path]:
        return [path for path in tmp_path.glob("waits.try-*") if path.read_text()]

    thread = threading.Thread(target=stop_it)
    thread.start()
    final, _, _ = run(choose_executor("processes", 1), ["waits", "a"], tmp_path)
    thread.join()
    assert {name: state.state for name, state in final.items()} == {
        "waits": "stopped",
        "a": "finished",
    }
    assert (tmp_path / "checkpoint-waits").is_file()


def test_names_and_addresses_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no executor 'slurm'; expected one of local, processes"):
        choose_executor("slurm")


def test_what_contradicts_is_refused() -> None:
    for saying, call in (
        ("jobs is 0; expected 1", lambda: choose_executor(None, 0)),
        ("'local' does one job at a time", lambda: choose_executor("local", 2)),
        ("for Ray; expected executor 'ray'", lambda: choose_executor("processes", 2, gpus=0.5)),
        ("for Ray; expected executor 'ray'", lambda: choose_executor(None, address="h:1")),
        ("jobs=2 beside an executor", lambda: choose_executor(LocalExecutor(), 2)),
    ):
        with pytest.raises(ConfigError, match=saying):
            call()
    assert isinstance(choose_executor(None, 4, tasks=1), LocalExecutor)
    assert choose_executor(None, 4, tasks=9).workers == 4
    assert choose_executor(None, None, tasks=9).workers == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError("all of it"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (torch.AcceleratorError("the device was lost"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),  # before torch 2.8
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: 8 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_a_fresh_process_may_not_have(error: Exception, expected: bool) -> None:
    assert process_is_lost(error) is expected


def with_gpus(count: int, monkeypatch: pytest.MonkeyPatch, visible: str | None = None) -> None:
    """Let torch see GPUs, and this machine have 16 cores."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: range(16))
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)


def test_gpus_are_named_as_cuda_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, visible, expected in (
        (2, None, ("0", "1")),
        (2, "3, GPU-8f", ("3", "GPU-8f")),
        (1, "3,-1,2", ("3",)),  # CUDA stops at the first that is none
        (0, "", ()),
    ):
        with_gpus(count, monkeypatch, visible)
        assert gpus_for("auto") == expected
        assert gpus_for("cpu") == ()
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        gpus_for("cuda")


def test_few_jobs_share_a_gpu_unless_more_are_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    for gpus, jobs, device, expected in (
        (1, None, "auto", 4),
        (2, None, "cuda", 8),
        (8, None, "cuda", 16),
        (1, None, "cpu", 16),
        (0, None, "auto", 16),
        (1, 6, "cuda", 6),
    ):
        with_gpus(gpus, monkeypatch)
        chosen = choose_executor("processes", jobs, device=device)
        assert isinstance(chosen, ProcessExecutor)
        assert chosen.workers == expected
        assert len(chosen.gpus) == (0 if device == "cpu" else gpus)


def test_processes_see_one_gpu_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(2, monkeypatch, "3,GPU-8f")
    names = ["a", "b", "c"]
    jobs = [Job(name, (name, tmp_path)) for name in names]
    states = list(choose_executor("processes", 2, device="cuda").run(note_gpu, jobs, None, never))
    assert [state.state for state in states].count("finished") == 3, states
    seen = [(tmp_path / name).read_text() for name in names]
    assert sorted(seen[:2]) == ["3", "GPU-8f"]
    assert seen[2] in seen[:2]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,GPU-8f"
    (state,) = [
        state
        for state in choose_executor("processes", 1).run(note_gpu, jobs[:1], None, never)
        if state.state != "running"
    ]
    assert (state.state, (tmp_path / "a").read_text()) == ("finished", "3,GPU-8f")


@pytest.mark.parametrize("given", ["ray", RayExecutor(workers=3)])
def test_ray_reserves_no_gpu_for_what_the_cpu_computes(given: str | RayExecutor) -> None:
    for device, expected in (("cpu", 0.0), ("auto", None), ("cuda", None)):
        chosen = choose_executor(given, device=device)
        assert isinstance(chosen, RayExecutor)
        assert chosen.gpus == expected
        assert chosen.workers == (None if given == "ray" else 3)
    own = RayExecutor(gpus=0.5)
    assert choose_executor(own, device="cpu") is own, "a share that was requested stays"


UNGUARDED = """
import sys
from pathlib import Path
from egams.jobs.choose import choose_executor
from egams.jobs.contract import Job
from egams.jobs.stopping import never
from job_samples import work

runner = choose_executor(None, {jobs})
for state in runner.run(work, [Job(name, (name, Path(sys.argv[1]))) for name in "ab"], None, never):
    print(type(runner).__name__, state.job, state.state, state.reason)
"""


@pytest.mark.parametrize(
    ("how", "jobs", "expected"),
    [
        ("piped", None, "LocalExecutor b finished"),
        ("piped", 2, "code piped to Python is in no file; save it in one.*or pass jobs=1"),
        ("-c", 2, "ProcessExecutor b finished"),
        ("script", 1, "LocalExecutor b finished"),
        ("script", 2, "starts processes again. Put what starts the work behind `if __name__ == "),
    ],
)
def test_code_that_no_process_can_import(
    how: str, jobs: int | None, expected: str, tmp_path: Path
) -> None:
    code = UNGUARDED.format(jobs=jobs)
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    command = {"piped": ["-"], "-c": ["-c", code], "script": [str(script)]}[how]
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path)],
        input=code if how == "piped" else None,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(expected, done.stdout + done.stderr), done.stderr
    assert ("finished" in expected) == ("Traceback" not in done.stderr)
