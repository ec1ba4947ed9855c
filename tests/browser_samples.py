"""What a person does with the workbench's page, and what can be seen of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from egams.io import write_csv
from egams.library.library import Library
from egams.simulate import simulate_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH")
PICTURES = os.environ.get("EGAMS_PICTURES")
WIDTHS = (1280, 390)
OVERLAP = """() => [...document.querySelectorAll(".plot")].filter((plot) => {
    const drawn = plot.querySelector(".main-svg");
    return drawn && drawn.getBoundingClientRect().bottom > plot.getBoundingClientRect().bottom + 1;
}).length"""

EVIL = f"<img src=x onerror=alert(1)> {'long' * 20}"
SAMPLES = {
    "calcite": ["carbonate"],
    "gypsum": ["sulfate"],
    "clay": ["phyllosilicate"],
    "iron oxalate": ["oxalate", "iron_oxide"],
    EVIL: ["sulfate", "sulfide"],
}

COVERED = """() => {
    const letters = [...document.querySelectorAll(".traces .annotation-text-g")]
        .filter((each) => each.textContent.length === 1)
        .map((each) => each.getBoundingClientRect());
    const over = (a, b) => a.left < b.right && b.left < a.right
        && a.top < b.bottom && b.top < a.bottom;
    return letters.filter((a, at) => letters.some((b, other) => other < at && over(a, b))).length;
}"""

CONTRAST = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const under = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const faint = [];
    for (const element of document.querySelectorAll("body *:not(svg *, option, noscript)")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || element.disabled || !element.checkVisibility()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(under(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push(`${element.textContent.slice(0, 40)}: ${ratio.toFixed(1)}`);
    }
    return faint;
}"""


def simulated_csv(number: int, families: list[str], folder: Path) -> bytes:
    run = simulate_run(np.random.default_rng(number), families=families)
    write_csv(run, folder / "run.csv")
    return (folder / "run.csv").read_bytes()


def open_run(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    for plot in (".traces", ".spectrogram"):
        page.locator(f"{plot} .main-svg").first.wait_for()
    page.locator("table.peaks").wait_for()


def foreign_table() -> bytes:
    """A run of another program: two temperatures, an ion without its m/z, decimal commas."""
    run = simulate_run(np.random.default_rng(9), families=["carbonate"])
    assert run.time is not None
    columns = [int(np.flatnonzero(run.mz == mz)[0]) for mz in (18, 28, 32, 44, 64)]
    lines = ["Zeit/s;T1/K;T2/K;m/z 18;m/z 28;m/z 32;m/z 44;Kanal 7"]
    for at, scan in enumerate(run.time):
        kelvin = run.scan_temperature[at] + 273.15
        cells = [f"{scan:.1f}", f"{kelvin:.2f}", f"{kelvin * 1.02:.2f}"]
        cells += [f"{value:.4e}" for value in run.abundance[at, columns]]
        lines.append(";".join(cells).replace(".", ","))
    return "\n".join(lines).encode()


def answered_by_another_bundle(path: Path, run: int, sulfate: float = 0.5) -> None:
    """Leave a run with nothing but the answer of a bundle that is not in use."""
    with Library.open(path) as library:
        content = library.run(run).prediction
        assert content is not None
        families = {name: dict(each) for name, each in content["families"].items()}
        families["sulfate"]["probability"] = sulfate
        with library.writing() as db:
            for table in ("answers", "predicted"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
        library.keep_answer(run, "b" * 64, "prediction", {**content, "families": families})


def without_answers(path: Path, like: int, names: list[str]) -> list[int]:
    """Keep runs like another one, with other names, that nobody predicted: quickly many."""
    same = ("file", "temperature", "file_name", "reading", "instrument", "facts", "notes", "added")
    copied = f"INSERT INTO runs ({', '.join(same)}, run_id, name, words)"
    with Library.open(path) as library, library.writing() as db:
        return [
            int(
                db.execute(
                    f"{copied} SELECT {', '.join(same)}, ?, ?, ? FROM runs WHERE id = ?",
                    (name, name, name, like),
                ).lastrowid
                or 0
            )
            for name in names
        ]


def drop(page: Page, files: dict[str, bytes]) -> None:
    """Drop files on the page, as from a folder of the desktop."""
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) transfer.items.add(new File([text], name));
            return transfer;
        }""",
        [[name, content.decode()] for name, content in files.items()],
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})


def until(page: Page, condition: str) -> None:
    """Wait for what plotly holds; `wait_for_function` would need a weaker policy of the page."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def drawn(page: Page, plot: str) -> Any:
    """What plotly draws: traces and shapes."""
    return page.evaluate(
        """(plot) => {
            const { data, layout } = document.querySelector(plot);
            return {
                dashes: data.map((each) => each.line?.dash), fills: data.map((each) => each.fill),
                shapes: layout.shapes.length, kind: layout.yaxis.type,
                notes: layout.annotations.map((each) => each.text),
            };
        }""",
        plot,
    )


def picture(page: Page, name: str) -> None:
    """Nothing runs off sideways; a picture is kept where a folder for them is named."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)  # plots follow the width
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide at {width}"
        assert not page.evaluate(OVERLAP), f"{name} at {width}"
        if PICTURES:
            page.wait_for_timeout(400)
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus, which can be seen there."""
    wanted.wait_for()
    for _ in range(150):
        page.keyboard.press("Tab")
        if wanted.evaluate("(element) => element === document.activeElement"):
            assert wanted.evaluate("(element) => getComputedStyle(element).outlineStyle") == "solid"
            return
    raise AssertionError("Tab does not lead there")
