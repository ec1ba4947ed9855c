"""The workbench as tests use it: in this process, or as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import jsonschema
from fastapi import FastAPI
from starlette.testclient import TestClient

from egams.io import write_csv
from egams.library.library import Library
from egams.web.active import ActiveBundle
from egams.web.app import application
from egams.web.guard import Limits
from egams.web.security import Rules, rules_for
from egams.web.serve import listen, server_of
from egams.web.workbench import Workbench
from prepared_samples import simulated

ADDRESS = "http://127.0.0.1:8765"
HERE = rules_for("127.0.0.1", "here")


@contextmanager
def served(
    folder: Path, limits: Limits | None = None, rules: Rules = HERE, **options: Any
) -> Iterator[TestClient]:
    """Serve ``lab.db`` in a folder, in this process."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with Library.open(folder / "lab.db") as library:
        bench = Workbench(library, ActiveBundle(library), scratch, limits or Limits())
        guarded = application(bench, rules)
        assert isinstance(guarded.app, FastAPI)
        with TestClient(guarded, ADDRESS, **options) as client:
            described = guarded.app.openapi()
            client.event_hooks["response"] = [partial(assert_as_described, described)]
            yield client


def assert_as_described(described: dict[str, Any], answer: httpx.Response) -> None:
    """Every answer is of the kind and shape that the description of its address states."""
    path, method = answer.request.url.path, answer.request.method.lower()
    found = [
        methods[method]["responses"]
        for template, methods in described["paths"].items()
        if method in methods and re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", template), path)
    ]
    status = str(answer.status_code)
    if not found or status not in found[0]:
        assert answer.is_error or not found, f"{method} {path} does not state {status}"
        return
    kind = answer.headers["content-type"].partition(";")[0]
    shape = found[0][status]["content"][kind]["schema"]
    if kind == "application/json":
        assert shape, f"{method} {path} states no shape"
        shapes = {
            name: each | {"additionalProperties": False} if "properties" in each else each
            for name, each in described["components"]["schemas"].items()
        }
        jsonschema.validate(json.loads(answer.read()), shape | {"components": {"schemas": shapes}})


@contextmanager
def listening(folder: Path, limits: Limits) -> Iterator[int]:
    """Serve ``lab.db`` in a folder on a port of this machine, in a thread; gives the port."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with Library.open(folder / "lab.db") as library:
        bench = Workbench(library, ActiveBundle(library), scratch, limits)
        opened = listen("127.0.0.1", None)
        server = server_of(bench, HERE)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            yield int(opened.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
            opened.close()


@cache
def csv_of(number: int) -> bytes:
    """A simulated run, as the challenge writes it."""
    with tempfile.TemporaryDirectory() as folder:
        write_csv(simulated(number), Path(folder) / "run.csv")
        return (Path(folder) / "run.csv").read_bytes()


def in_mbar(content: bytes) -> bytes:
    """The same run as partial pressures."""
    head, _, body = content.partition(b"\n")
    return head.replace(b"time", b"time [s]").replace(b"nce", b"nce [mbar]") + b"\n" + body


def sent(client: Any, name: str, content: bytes, **fields: str) -> dict[str, Any]:
    """Send a file; the work of reading it."""
    answer = client.post("/api/files", files={"file": (name, content)}, data=fields)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def finished(client: Any, work: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    """Wait until work is done, refused or asking."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = client.get(f"/api/work/{work['id']}").json()
        if found["state"] not in ("queued", "working"):
            return dict(found)
        time.sleep(0.05)
    raise AssertionError(f"not done after {seconds:g} s: {found}")


class Served:
    """`egams serve` as a process of its own."""

    def __init__(self, library: Path, *options: str) -> None:
        command = [sys.executable, "-m", "egams", "serve", "--library", str(library)]
        self.library = library
        said, name = tempfile.mkstemp()
        self.said = Path(name)  # a pipe may be read in parts
        self.process = subprocess.Popen(
            [*command, "--no-browser", *options],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        os.close(said)
        while (found := re.search(r"http://\S+(?=\n)", self.text())) is None:
            assert self.process.poll() is None, self.text()
            time.sleep(0.02)
        self.address = found[0]
        self.client = httpx.Client(base_url=self.address.partition("?")[0], timeout=60)
        self.ready()

    def text(self) -> str:
        """What it printed so far."""
        return self.said.read_text(encoding="utf-8")

    def ready(self) -> None:
        """Wait until it answers."""
        while True:
            try:
                self.client.get("/api/status")
            except httpx.TransportError:
                assert self.process.poll() is None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.process.kill()
        self.process.wait()
        self.client.close()

    def interrupt(self) -> tuple[int, str]:
        """End it as Ctrl-C does; its status and what it printed."""
        import signal

        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=20)
        self.client.close()
        return status, self.text()
