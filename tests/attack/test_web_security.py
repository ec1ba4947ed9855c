"""Who may speak to the workbench: this machine's pages and programs, and nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest
from fastapi.telemetry import TelemetryConfig

from egams.web.app import SILENT
from egams.web.security import HEADERS, Rules, is_loopback, name_in, rules_for
from web_samples import served

HERE = rules_for("127.0.0.1", "lab-pc")
ELSEWHERE = rules_for("0.0.0.0", "lab-pc")
HOST = {"host": "127.0.0.1:8765"}


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        *(("127.0.0.1:8765", True), ("localhost:9000", True), ("[::1]:8765", True)),
        *(("LOCALHOST", True), ("", False), ("evil.example", False), ("127.0.0.1.evil", False)),
        *(("evil@127.0.0.1", False), ("127.0.0.1:80:80", False), ("192.168.1.7:8765", False)),
        *(("[::1", False), ("127.0.0.1:8765/x", False), ("lab-pc:8765", False)),
    ],
)
def test_a_name_that_an_attacker_made_mean_this_machine_is_refused(host: str, ours: bool) -> None:
    refusal = HERE.refusal("GET", "/", {"host": host})
    assert (refusal is None) == ours
    assert ours or refusal.status == 421


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # a program
        ({"origin": "http://127.0.0.1:8765"}, True),
        ({"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:3000"}, False),
        ({"origin": "http://localhost:8765"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[bad"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_a_page_from_elsewhere_changes_nothing(headers: dict[str, str], allowed: bool) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "STRANGE"):
        assert (HERE.refusal(method, "/api/files", HOST | headers) is None) == allowed


def test_a_page_from_elsewhere_makes_nothing_be_computed() -> None:
    cross = HOST | {"sec-fetch-site": "cross-site"}
    assert HERE.refusal("GET", "/api/runs/1/explanation", cross) is not None
    assert HERE.refusal("GET", "/", cross) is None, "a link may lead here"


def test_a_token_is_needed_where_others_reach_the_server() -> None:
    assert HERE.token is None
    token = ELSEWHERE.token
    assert token is not None and len(token) >= 32
    asked = {"host": "192.168.1.7:8765"}
    assert ELSEWHERE.refusal("GET", "/", asked).status == 401
    for given in ("Bearer wrong", f"Basic {token}", "Bearer", f"Bearer {token}x", "Bearer \xff"):
        assert ELSEWHERE.refusal("GET", "/", asked | {"authorization": given}).status == 401
    assert ELSEWHERE.refusal("GET", "/", asked | {"authorization": f"Bearer {token}"}) is None
    assert ELSEWHERE.refusal("GET", "/", asked | {"cookie": f"a=b; egams-token={token}"}) is None
    assert ELSEWHERE.refusal("GET", "/", {"host": "evil.example"}).status == 421
    assert ELSEWHERE.refusal("GET", "/", {"host": "lab-pc.uni.example:8765"}).status == 401
    assert HERE.refusal("GET", "/", {"host": "localhost.uni.example"}).status == 421
    assert not Rules(frozenset()).is_token("")


def test_only_this_machine_is_this_machine() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "localhost", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "lab-pc", "localhost.evil", "10.0.0.1", "")))
    assert name_in("[::1]:80") == "::1"


def test_the_address_with_the_token_is_exchanged_for_a_cookie(tmp_path: Path) -> None:
    with served(tmp_path, rules=ELSEWHERE, follow_redirects=False) as client:
        assert client.get("/api/status").status_code == 401
        assert client.get("/", params={"token": "wrong"}).status_code == 401
        answer = client.get("/", params={"token": ELSEWHERE.token})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert client.get("/api/status").status_code == 200


def test_nothing_is_reported_elsewhere() -> None:
    """Every switch of FastAPI's telemetry is off, whatever variables ask for."""
    switches = get_type_hints(TelemetryConfig)
    assert {name: False for name, kind in switches.items() if kind is bool} == SILENT


def test_every_answer_has_the_headers(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        answers = [
            client.get("/"),
            client.get("/api/status"),
            client.get("/static/plotly.min.js"),
            client.get("/static/nothing.js"),
            client.get("/nowhere"),
            client.get("/api/runs/1"),
            client.delete("/"),
            client.get("/", headers={"host": "evil.example"}),
            client.post("/api/files", headers={"origin": "https://evil.example"}),
            client.post("/api/files", headers={"content-length": "999999999999"}),
        ]
    assert {answer.status_code for answer in answers} == {200, 403, 404, 405, 413, 421}
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"]
        assert "access-control-allow-origin" not in answer.headers
        assert answer.status_code == 200 or "problem" in answer.json()["error"]
