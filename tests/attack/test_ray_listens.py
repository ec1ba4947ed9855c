"""A Ray of this machine's own listens to this machine alone, and asks for a token."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

JOB = """
import os, sys, subprocess
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from attack_ray_samples import look
from egams.jobs.contract import Job
from egams.jobs.on_ray import RayExecutor
jobs = [Job("look", (Path(sys.argv[2]),))]
states = list(RayExecutor("local", workers=1).run(look, jobs, None, lambda: False))
print(states[-1].state, states[-1].reason)
"""
LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")


def test_every_socket_is_of_this_machine_alone(tmp_path: Path) -> None:
    samples = tmp_path / "attack_ray_samples.py"
    samples.write_text(SAMPLES)
    environment = os.environ | {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path), str(tmp_path / "found")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
        start_new_session=True,
    )
    assert "finished" in done.stdout, done.stdout + done.stderr
    sockets = (tmp_path / "found").read_text().splitlines()
    assert sockets
    assert all(line.split(":")[0] in LOOPBACK for line in sockets), sockets
    assert (tmp_path / "found.token").read_text() == "token"


SAMPLES = '''
import os
from pathlib import Path


def look(found, **_):
    """Write down where the processes of this session listen."""
    session, inodes = os.getsid(0), set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                inodes |= {os.readlink(each) for each in (entry / "fd").iterdir()}
        except OSError:
            continue
    lines = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}")]
    found.write_text(chr(10).join(
        line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in inodes
    ))
    found.with_suffix(".token").write_text(os.environ.get("RAY_AUTH_MODE", ""))
'''
