"""Requests to the workbench that mean ill: sizes, slowness, names, bombs, nonsense."""

from __future__ import annotations

import io
import json
import random
import resource
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from egams.web.guard import Limits
from web_samples import csv_of, finished, listening, sent, served

SMALL = Limits(upload_bytes=2**20, uploads=2, first_seconds=1.0)
HEAD = (
    "POST /api/files HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: multipart/form-data; boundary=x\r\n"
)
BEGUN = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(tmp_path_factory.mktemp("requests"), SMALL) as client:
        yield client


def spoken(port: int, *parts: bytes, wait: float = 30.0) -> bytes:
    """Send bytes and return the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except ConnectionError:  # it was answered already
                break
        found = b""
        while b"\r\n\r\n" not in found:
            received = connection.recv(2**16)
            if not received:
                break
            found += received
        return found


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def begun(port: int, length: int = 2**20 + 5000) -> socket.socket:
    """An upload that has begun and goes no further."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(HEAD.encode() + f"Content-Length: {length}\r\n\r\n".encode() + BEGUN)
    return connection


def test_a_body_that_is_too_long_or_too_slow_is_refused(tmp_path: Path) -> None:
    with listening(tmp_path, SMALL) as port:
        stated = spoken(port, HEAD.encode(), b"Content-Length: 99999999\r\n\r\n", BEGUN)
        assert b" 413 " in stated
        chunked = HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in spoken(port, chunked + _chunk(BEGUN), *[_chunk(bytes(65536))] * 60)
        assert b" 413 " in spoken(
            port,
            b"PUT /api/runs/1/remark HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"Content-Length: 1100000\r\n\r\n",
        )
        start = time.monotonic()
        with begun(port, 5000) as slow:
            answer = slow.recv(2**16)
        assert b" 408 " in answer
        assert time.monotonic() - start < 10
        assert b" 408 " in spoken(port, chunked, _chunk(BEGUN), *[_chunk(b"x")] * 3)
        for nonsense in (b"-1", b"1e9", b"0x10", b"12, 12", b"9" * 400, b"\xb2"):
            length = b"Content-Length: " + nonsense + b"\r\n\r\n"
            assert b" 4" in spoken(port, HEAD.encode(), length)[:13]
        assert not list((tmp_path / "scratch").iterdir())
        assert b" 200 " in spoken(port, b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_only_so_many_files_arrive_at_once(tmp_path: Path) -> None:
    limits = Limits(upload_bytes=2**22, uploads=2, first_seconds=30)
    with listening(tmp_path, limits) as port:
        first, second = begun(port, 2**21), begun(port, 2**21)
        time.sleep(0.3)
        third = HEAD.encode() + f"Content-Length: {2**21}\r\n\r\n".encode() + BEGUN
        assert b" 429 " in spoken(port, third)
        first.close()
        second.close()
        time.sleep(0.3)
        with begun(port, 2**21) as fourth, pytest.raises(TimeoutError):
            fourth.settimeout(0.5)
            fourth.recv(1)
        assert not list((tmp_path / "scratch").iterdir())


def test_only_so_much_work_waits(tmp_path: Path) -> None:
    with served(tmp_path, Limits(open_work=0)) as client:
        answer = client.post("/api/files", files={"file": ("a.csv", csv_of(1))})
    assert answer.status_code == 429
    assert "wait already" in answer.json()["error"]["text"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\win.csv", "win.csv"),
        ("..", ".."),
        (".", "."),
        ("a\0b.csv", None),
        ("x" * 5000 + ".csv", None),
        ("x" * 3000 + ".csv", None),
        ("<img src=x onerror=alert(1)>.csv", "<img src=x onerror=alert(1)>.csv"),
        ("=cmd|'/c calc'!A1.csv", None),
        ("\u202egnp.csv", "\\u202egnp.csv"),
        ("\x1b[31mred.csv", None),
        ("egams-columns.yaml", "egams-columns.yaml"),
        ("metadata.csv", "metadata.csv"),
        ("ünïcode 名.csv", "ünïcode 名.csv"),
        ("", None),
    ],
)
def test_a_name_is_only_shown(client: TestClient, given: str, shown: str | None) -> None:
    answer = client.post("/api/files", files={"file": (given, csv_of(1))})
    if given == "" or len(given) > 4000:
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]["text"]
        return
    assert answer.status_code == 202, answer.text
    assert answer.headers["content-type"] == "application/json"
    work = finished(client, answer.json())
    assert work["state"] in ("done", "refused")
    assert "/" not in work["name"].replace("'/c", "")
    assert len(work["name"]) <= 200
    assert work["name"].isprintable()
    if shown is not None:
        assert work["name"] == shown
    text = json.dumps(client.get("/api/work").json())
    assert "/etc/" not in text and "scratch" not in text and "egams-library" not in text


def test_bombs_are_refused_in_words_and_take_no_memory(client: TestClient) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 2**28)
        archive.writestr("b.csv", csv_of(1))
        archive.writestr("../../c.csv", csv_of(2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work = finished(client, sent(client, "bomb.zip", packed.getvalue()))
    assert work["state"] == "done"
    assert len(work["runs"]) == 1
    assert {each["sample_id"] for each in work["skipped"]} == {"a", "c"}
    for name, content in (
        ("a.xlsx", b"PK\x03\x04" + bytes(2000)),
        ("a.zip", b"PK\x05\x06" + bytes(18)),
        ("a.parquet", b"PAR1" + bytes(200) + b"PAR1"),
        ("a.csv.gz", b"\x1f\x8b" + bytes(50)),
        ("a.mzML", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><mzML>&a;</mzML>"),
        ("a.exe", b"MZ" + bytes(100)),
        ("a.csv", b""),
    ):
        work = finished(client, sent(client, name, content))
        assert work["state"] in ("refused", "asking"), (name, work)
        assert work["error"]["text"]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # KiB


def test_no_address_leads_out_of_the_page(client: TestClient) -> None:
    for path in (
        *("../security.py", "..%2fsecurity.py", "%2e%2e/security.py", "/etc/passwd"),
        *("..\\security.py", "index.html.j2", ".", "", "app.js%00.css", "plotly.min.js/../x"),
    ):
        answer = client.get(f"/static/{path}")
        assert answer.status_code == 404, path
        assert "root:" not in answer.text


def test_nonsense_is_answered_in_words(client: TestClient) -> None:
    """Random values at every address: never a fault, always JSON that says what is wrong."""
    rng = random.Random(0)
    nonsense = (
        *(
            "1",
            "-1",
            "9" * 30,
            "x",
            "null",
            "../..",
            "%00",
            "1e400",
            "NaN",
            "'; DROP TABLE runs;--",
        ),
        *("\u202e", "x" * 3000, "%", "sulfate", "present", "name", "[]", "{}", "true", "0"),
    )
    bodies = (
        *(b"", b"{", b"[" * 100_000, b'{"ids": ' * 5000, b"\xff\xfe", b'{"labels": NaN}'),
        *(b'{"ids": [1e999]}', b'{"ids": null}', b'{"blank": {}}', b'{"remark": 3}'),
        *(b'{"ids": [99999999999999999999]}', b'{"remark": "\\ud800"}', b'{"work": [[]]}'),
    )
    paths = client.get("/api/openapi.json").json()["paths"]
    for _ in range(8):
        for path, methods in paths.items():
            for method, described in methods.items():
                filled = path
                for parameter in described.get("parameters", []):
                    mark = "{" + parameter["name"] + "}"
                    filled = filled.replace(mark, rng.choice(nonsense).replace("/", "%2F"))
                query = {
                    parameter["name"]: rng.choice(nonsense)
                    for parameter in described.get("parameters", [])
                    if parameter["in"] == "query" and rng.random() < 0.7
                }
                kind = rng.choice(("application/json", "multipart/form-data; boundary=x", "x"))
                answer = client.request(
                    method.upper(),
                    filled or "/",
                    params=query,
                    content=rng.choice(bodies),
                    headers={"content-type": kind},
                )
                assert answer.status_code < 500, (method, filled, query, answer.text)
                if answer.status_code >= 400:
                    assert answer.json()["error"]["text"]


def test_a_web_socket_is_not_opened(tmp_path: Path) -> None:
    with listening(tmp_path, SMALL) as port:
        answer = spoken(
            port,
            b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n",
        )
    assert b" 101 " not in answer
