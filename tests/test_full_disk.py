"""A full disk: the message names the file and how to go on; nothing is left by halves."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import EGAMS
from egams.artifact import written_whole
from egams.errors import EgamsError
from egams.full_disk import DiskFullError, names_full_disk
from egams.io import write_csv
from prepared_samples import simulated

WRITES = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import numpy as np
from egams.full_disk import DiskFullError
from egams.io import write_csv
from egams.store.prepare import prepare
from prepared_samples import simulated
place = Path({place!r})
runs = [simulated(1), simulated(2)]

def tables():
    import pyarrow as pa
    from pyarrow import parquet
    from egams.artifact import written_whole
    with written_whole(place / "a.parquet") as temporary:
        parquet.write_table(pa.table({{"a": np.random.rand(10**6)}}), temporary)

def weights():
    from egams.artifact import written_whole
    from safetensors.numpy import save_file
    with written_whole(place / "member") as temporary:
        temporary.mkdir()
        save_file({{"a": np.zeros(10**6)}}, temporary / "weights.safetensors")

def picture():
    from egams.report.figure import draw_run
    draw_run(runs[0], place / "a.png")

for write, name in (
    (lambda: write_csv(runs[0], place / "a.csv"), "a.csv"),
    (tables, "a.parquet"),
    (weights, "member"),
    (picture, "a.png"),
    (lambda: prepare(runs, place / "a.store", jobs=1), "a.store.partial"),
):
    try:
        write()
    except DiskFullError as error:
        assert str(error).startswith(f"{{place / name}}: cannot be written"), error
    else:
        raise SystemExit(f"{{name}} was written")
    left = [path.name for path in place.iterdir()]
    assert left in ([], ["a.store.partial"]), left
"""


def on_a_full_disk(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where a folder is a disk of 24 kB; skips where the system does not allow it."""
    mounted = f"mount -t tmpfs -o size=24k tmpfs {place} && "
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    tried = subprocess.run(["unshare", "-rm", "sh", "-c", f"{mounted} true"], check=False)
    if tried.returncode:
        pytest.skip("no disk of its own can be mounted here")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted + command],
        capture_output=True,
        text=True,
        check=False,
    )


def test_whatever_egams_writes_names_the_file(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    place = tmp_path / "full"
    place.mkdir()
    script.write_text(WRITES.format(tests=str(Path(__file__).parent), place=str(place)))
    done = on_a_full_disk(f"{sys.executable} {script}", place)
    assert done.returncode == 0, done.stderr


def test_the_command_line_says_it_in_one_line(tmp_path: Path) -> None:
    write_csv(simulated(1), tmp_path / "a.csv")
    place = tmp_path / "full"
    place.mkdir()
    command = f"head -c 24000 /dev/zero > {place}/x; {EGAMS} predict {tmp_path}/a.csv"
    done = on_a_full_disk(f"{command} -o {place}/p.json", place)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("egams:")]
    assert done.returncode == 2
    assert line.startswith(f"egams: {place}/p.json: cannot be written: there is no space left")
    assert "give the same command again" in line
    if Path("/dev/full").exists():
        shell = f"{EGAMS} --help > /dev/full"
        said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
        assert (said.returncode, "Traceback" in said.stderr) == (2, False)
        assert "no space left" in said.stderr


def test_the_outermost_file_is_named_and_other_errors_pass(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFullError, match=r"bundle: cannot") as full,
        written_whole(tmp_path / "bundle") as temporary,
    ):
        temporary.mkdir()
        with names_full_disk(temporary / "inner"):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    assert isinstance(full.value, EgamsError)
    assert str(pickle.loads(pickle.dumps(full.value))) == str(full.value)
    with pytest.raises(PermissionError), names_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "denied")
    assert list(tmp_path.iterdir()) == []
