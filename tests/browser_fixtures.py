"""A real Chromium before a real `egams serve`, as fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    WebError,
    expect,
    sync_playwright,
)

from browser_samples import CHROMIUM, SAMPLES, simulated_csv
from web_samples import Served, finished, sent


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose library holds a few runs."""
    folder = tmp_path_factory.mktemp("lab")
    server = Served(folder / "lab.db")
    try:
        for number, (name, families) in enumerate(SAMPLES.items()):
            work = sent(server.client, f"{name}.csv", simulated_csv(number, families, folder))
        finished(server.client, work)
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=30_000)  # other tests may run beside
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def may_say() -> list[str]:
    """What the browser may complain of in a test, as parts of its lines."""
    return []


@pytest.fixture
def page(context: BrowserContext, lab: Served, may_say: list[str]) -> Iterator[Page]:
    """A page that asks nobody but the server, and of which the browser complains of nothing."""
    complaints: list[str] = []
    elsewhere: list[str] = []

    def hear(line: ConsoleMessage) -> None:
        if line.type in ("error", "warning"):
            complaints.append(line.text)

    def look(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    def follow(request: Request) -> None:
        if not request.url.startswith((lab.address, "data:", f"blob:{lab.address}")):
            elsewhere.append(request.url)

    def refuse(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # something is not saved yet
            dialog.accept()
            return
        complaints.append(dialog.message)
        dialog.dismiss()

    def fail(error: WebError) -> None:
        complaints.append(str(error.error))

    listeners: dict[Any, Any] = {
        "console": hear,
        "request": follow,
        "response": look,
        "dialog": refuse,
        "weberror": fail,
    }
    for event, listener in listeners.items():
        context.on(event, listener)
    page = context.new_page()
    page.goto(lab.address)
    yield page
    for each in context.pages:
        each.close()
    for event, listener in listeners.items():
        context.remove_listener(event, listener)
    assert not [line for line in complaints if not any(part in line for part in may_say)]
    assert not elsewhere
