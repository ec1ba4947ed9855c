"""Two `prepare` on one output: one goes on, the other is refused, and no store is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from egams.errors import ArtifactError
from egams.io import write_csv
from egams.store.journal import Journal, Line, Outcome
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from prepared_samples import simulated

SLOWLY = (
    "import sys; from egams.store.prepare import prepare\n"
    "def wait(done, total):\n"
    "    print(done, flush=True); done == 1 and sys.stdin.readline()\n"
    "prepare(sys.argv[1], sys.argv[2], jobs=1, progress=wait)\n"
)


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csvs")
    for seed in range(3):
        run = simulated(seed, tiny=True)
        write_csv(run, folder / f"{run.run_id}.csv")
    return folder


def test_the_second_is_refused_and_the_first_finishes(csvs: Path, tmp_path: Path) -> None:
    output = tmp_path / "store"
    prepare(csvs, output, jobs=1)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", SLOWLY, str(csvs), str(output)]
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout is not None and first.stdin is not None
        first.stdout.readline()
        with pytest.raises(ArtifactError, match=rf"process {first.pid} on .* is at work on it"):
            prepare(csvs, output, jobs=1)
        first.communicate(b"\n", timeout=60)
    assert first.returncode == 0
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    assert list(tmp_path.iterdir()) == [output]


def test_what_does_not_read_back_replaces_nothing(
    csvs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, append = tmp_path / "store", Journal.append
    whole = prepare(csvs, output, jobs=1).fingerprint

    def spoilt(journal: Journal, outcomes: Iterable[Outcome]) -> Iterator[Line]:
        yield from append(journal, outcomes)
        content = bytearray(journal.data.read_bytes())
        content[100] ^= 4
        journal.data.write_bytes(content)

    monkeypatch.setattr(Journal, "append", spoilt)
    with pytest.raises(ArtifactError, match="is damaged"):
        prepare(csvs, output, jobs=1)
    assert RunStore.open(output).fingerprint == whole
    monkeypatch.undo()
    assert prepare(csvs, output, jobs=1).fingerprint == whole
