"""The workbench as a person uses it: a real Chromium before a real `egams serve`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
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

from browser_samples import (
    CONTRAST,
    COVERED,
    PICTURES,
    answered_by_another_bundle,
    drawn,
    drop,
    foreign_table,
    picture,
    reach,
    simulated_csv,
    until,
    without_answers,
)
from egams.library.library import Library
from web_samples import Served, finished, in_mbar, sent

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH")


EVIL = f"<img src=x onerror=alert(1)> {'long' * 20}"
SAMPLES = {
    "calcite": ["carbonate"],
    "gypsum": ["sulfate"],
    "clay": ["phyllosilicate"],
    "iron oxalate": ["oxalate", "iron_oxide"],
    EVIL: ["sulfate", "sulfide"],
}


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


def open_run(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    for plot in (".traces", ".spectrogram"):
        page.locator(f"{plot} .main-svg").first.wait_for()
    page.locator("table.peaks").wait_for()


def test_what_is_stated_of_files_holds_for_the_next_drop_alone(page: Page, tmp_path: Path) -> None:
    zone = page.get_by_role("region", name="Add runs")
    zone.locator("summary").click()
    zone.get_by_label("heated by").fill("20")
    zone.get_by_label("from, °C").fill("25")
    zone.get_by_label("Instrument").select_option("commercial")
    said = "20 °C a minute from 25 °C, instrument commercial"
    expect(zone.locator("summary")).to_have_text(f"{said}, for the files that are dropped next")
    picture(page, "stated")
    content = simulated_csv(30, ["sulfate"], tmp_path)
    drop(page, {"stated.csv": content})
    expect(zone).to_contain_text(f"Stated for 1 file: {said}.")
    expect(zone.locator("summary")).to_contain_text("The files have no temperature")
    expect(zone.get_by_label("heated by")).to_have_value("")
    drop(page, {"unstated.csv": content + b"\n"})
    open_run(page, "stated")
    notes = page.get_by_label("Notes and provenance")
    expect(notes).to_contain_text("own temperature is used, not the stated ramp")
    page.get_by_role("link", name="← All runs").click()
    open_run(page, "unstated")
    expect(notes).not_to_contain_text("the stated ramp")


def test_files_are_dropped_mapped_and_survive_a_reload(page: Page, tmp_path: Path) -> None:
    drop(
        page,
        {
            "dropped.csv": simulated_csv(20, ["carbonate"], tmp_path),
            "laboratory.csv": foreign_table(),
            "notes.txt": b"nothing but words\n",
        },
    )
    expect(page.locator(".uploads progress")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("link", name="dropped", exact=True)).to_be_visible()
    refused = page.locator(".work li").filter(has_text="notes.txt")
    expect(refused).to_contain_text("not used")
    picture(page, "work")
    refused.get_by_role("button", name="Remove notes.txt").click()
    expect(refused).to_have_count(0)

    page.get_by_role("button", name="Answer for laboratory.csv").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("'T1/K' and 'T2/K' may both be")
    expect(dialog.get_by_role("row")).to_have_count(1 + 12)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Answer for laboratory.csv")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("What column T1/K is").select_option("temp")
    dialog.get_by_label("What column Kanal 7 is").select_option("ion")
    dialog.get_by_label("m/z of column Kanal 7").fill("heavy")
    dialog.get_by_role("button", name="Read it so").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Which m/z is column Kanal 7?")
    dialog.get_by_label("m/z of column Kanal 7").fill("64")
    expect(dialog.get_by_role("alert")).to_be_empty()
    picture(page, "mapper")
    dialog.get_by_role("button", name="Read it so").click()
    open_run(page, "laboratory")
    expect(page.get_by_label("Notes and provenance")).to_contain_text("'T1/K' is temp [K], by hand")
    expect(page.get_by_role("checkbox", name="SO₂ 64")).to_have_count(1)


def test_a_family_is_explained_in_words_and_in_the_plots(page: Page) -> None:
    open_run(page, "gypsum")
    before = drawn(page, ".traces")
    page.get_by_role("button", name="sulfate").click()
    why = page.locator(".why")
    expect(why.get_by_role("table")).to_contain_text("SO₂")
    expect(why).to_contain_text("without the labels of the nearest training runs")
    until(page, "document.querySelector('.traces').layout?.shapes?.length > 0")
    shaded = drawn(page, ".traces")
    assert shaded["shapes"] == why.locator("tbody tr").count()
    assert "tonexty" in shaded["fills"] and "tonexty" not in before["fills"]
    assert {"A", "B"} <= set(shaded["notes"])
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate(COVERED) == 0, width
    page.set_viewport_size({"width": 1280, "height": 900})
    assert drawn(page, ".spectrogram")["shapes"] >= shaded["shapes"]

    if PICTURES:  # that of the README
        page.set_viewport_size({"width": 1280, "height": 1300})
        page.wait_for_timeout(600)
        page.screenshot(path=Path(PICTURES) / "workbench.png")
    page.get_by_role("button", name=re.compile("64, SO2, .*mark it")).first.click()
    page.get_by_role("button", name=re.compile("Lay .* over the traces")).first.click()
    page.get_by_role("combobox", name="Ion", exact=True).select_option(label="SO₂ 64")
    until(
        page, "document.querySelector('.traces').data?.some((each) => each.line?.dash === 'dash')"
    )
    marked = drawn(page, ".traces")
    assert marked["shapes"] == shaded["shapes"] + 3
    assert any("SO₂ 64" in note and "°C" in note for note in marked["notes"])
    picture(page, "run")

    page.get_by_label("linear").check()
    until(page, "document.querySelector('.traces').layout?.yaxis?.type === 'linear'")
    page.get_by_role("button", name="SO₂ 64: drawn 1 times; draw it larger").click()
    until(
        page,
        "document.querySelector('.traces').data?.some(({ name }) => name?.startsWith('SO₂ 64 '))",
    )
    page.get_by_label("Blank run").fill("clay")
    blank = page.get_by_label("Blank", exact=True)
    expect(blank).to_contain_text("as measured")
    expect(blank).to_contain_text("⚑ unlike every training run")
    less = page.get_by_role("heading", name="Ion traces, less the blank")
    expect(less).to_be_visible()
    until(page, "document.querySelector('.traces').data?.length > 0")
    assert drawn(page, ".traces")["shapes"] == marked["shapes"]
    assert "dash" in drawn(page, ".traces")["dashes"]
    expect(page.get_by_label("linear")).to_be_checked()
    page.get_by_label("Blank run").fill("gypsum")
    expect(blank.get_by_role("alert").last).to_contain_text("cannot be its own blank")
    expect(less).to_have_count(0)


def test_labels_are_confirmed_taught_used_and_taken_back(page: Page, lab: Served) -> None:
    for name in ("calcite", "gypsum", "clay"):
        open_run(page, name)
        for box in page.get_by_role("group", name="In the sample").get_by_role("checkbox").all():
            box.set_checked(
                box.evaluate("(box) => box.parentElement.textContent")
                in [family.replace("_", " ") for family in SAMPLES[name]]
            )
        page.get_by_role("button", name="Confirm these labels").click()
        expect(page.get_by_label("Labels", exact=True)).to_contain_text("✓ Confirmed.")
        page.get_by_role("link", name="← All runs").click()
    page.get_by_role("combobox", name="Labels").select_option("true")
    expect(page.locator("table.list tbody tr")).to_have_count(3)

    page.get_by_role("link", name="Teach").click()
    page.get_by_role("button", name="Teach these 3 runs").click()
    lesson = page.locator(".lesson")
    lesson.wait_for(timeout=60_000)
    expect(lesson).to_contain_text("nothing is lost on those known before")
    picture(page, "teach")
    lesson.get_by_role("button", name=re.compile("Use the lesson")).click()
    expect(lesson).to_contain_text("✓ In use")
    assert lab.client.get("/api/status").json()["bundle"]["runs"] == 1056 + 3
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("table.list")).to_contain_text("Answered by an earlier bundle")
    page.get_by_role("link", name="Teach").click()
    page.get_by_role("button", name="Go back to the shipped bundle").click()
    expect(page.get_by_label("In use")).to_contain_text("The bundle that comes with egams")


def test_an_answer_of_an_earlier_bundle_is_named_wherever_it_stands(
    page: Page, lab: Served, tmp_path: Path
) -> None:
    work = sent(lab.client, "earlier.csv", simulated_csv(50, ["sulfate"], tmp_path))
    (run,) = finished(lab.client, work)["runs"]
    now = lab.client.get(f"/api/runs/{run}").json()["probabilities"]["sulfate"]
    answered_by_another_bundle(lab.library, run, sulfate=0.111)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="earlier", exact=True))
    expect(row).to_contain_text("Answered by an earlier bundle")
    picture(page, "earlier-list")
    open_run(page, "earlier")
    expect(page.get_by_label("Families", exact=True)).to_contain_text("by an earlier bundle")
    page.get_by_role("button", name="sulfate").click()
    why = page.locator(".why")
    expect(why.locator("h3")).to_contain_text(f"Why sulfate {now:.2f}")
    expect(why).to_contain_text(
        "By the bundle in use. The table above has the 0.11 of an earlier one"
    )
    page.get_by_label("Blank run").fill("clay")
    measured = page.get_by_role("table", name="Answer less clay").get_by_role("row", name="sulfate")
    expect(measured.get_by_role("cell").nth(1)).to_contain_text(f"{now:.2f}")
    picture(page, "earlier")
    page.get_by_role("button", name="Predict again").click()
    expect(page.get_by_role("button", name="Predict again")).to_have_count(0)
    expect(page.get_by_label("Families", exact=True)).not_to_contain_text("by an earlier bundle")


def test_runs_are_compared_reported_and_downloaded(page: Page) -> None:
    page.get_by_label("Select calcite").check()
    selected = page.get_by_role("region", name="Selected runs")
    expect(selected).to_contain_text("1 run selected")
    expect(selected).not_to_contain_text("null")
    selected.get_by_role("button", name="Report").click()
    with page.expect_download(timeout=60_000) as report:
        selected.get_by_role("link", name="Download the report").click(timeout=60_000)
    html = Path(report.value.path()).read_text(encoding="utf-8")
    assert "calcite" in html and "<h3>Peaks</h3>" in html
    page.get_by_label("Select gypsum").check()
    with page.expect_download() as csv:
        selected.get_by_role("link", name="Answers as CSV").click()
    rows = Path(csv.value.path()).read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("sample_id,basalt") and len(rows) == 3

    selected.get_by_role("link", name="Compare").click()
    page.locator(".plot .main-svg").first.wait_for()
    differences = page.get_by_role("table", name="Probabilities of both runs")
    expect(differences.get_by_role("row")).to_have_count(11)
    dashes = page.evaluate("document.querySelector('.plot').data.map((each) => each.line.dash)")
    assert dashes.count("solid") == dashes.count("dash") > 2
    picture(page, "compare")


def test_a_selection_and_a_page_follow_what_is_there(page: Page, lab: Served) -> None:
    names = [f"a cup {number:02}" for number in range(60)]
    cups = without_answers(lab.library, 1, [*names, "cup"])
    page.evaluate("location.hash = '#/runs?search=a%20cup&sort=name&descending=false&offset=50'")
    rows = page.locator("table.list tbody tr")
    expect(rows).to_have_count(10)
    page.get_by_label("Select all on this page").check()
    selected = page.get_by_role("region", name="Selected runs")
    expect(selected).to_contain_text("10 runs selected")
    page.get_by_role("searchbox").fill("gypsum")
    expect(selected).to_contain_text("10 of them not in this list")
    page.get_by_role("searchbox").fill("a cup")
    expect(selected).not_to_contain_text("not in this list")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(rows).to_have_count(10)
    lab.client.post("/api/runs/delete", json={"ids": cups[50:60]})
    expect(rows).to_have_count(50)
    expect(selected).to_be_hidden()
    page.get_by_role("combobox", name="is called").select_option("present")
    expect(page.locator("main")).to_contain_text("No run is like that.")

    page.get_by_role("link", name="Compare").click()
    page.get_by_label("The first run").fill("cup")  # not among the first hits
    page.keyboard.press("Enter")
    until(page, f"location.hash === '#/compare/{cups[60]}'")
    page.get_by_label("The second run").fill("no such cup")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("There is no run named “no such cup”.")
    lab.client.post("/api/runs/delete", json={"ids": [*cups[:50], cups[60]]})


def test_runs_of_two_units_are_compared_each_to_its_largest(
    page: Page, lab: Served, tmp_path: Path
) -> None:
    content = in_mbar(simulated_csv(60, ["sulfate"], tmp_path).replace(b'"', b""))
    (run,) = finished(lab.client, sent(lab.client, "pressure.csv", content))["runs"]
    page.evaluate(f"location.hash = '#/compare/{run}/1'")
    expect(page.locator("main")).to_contain_text("so each trace is drawn to its own largest")
    expect(page.get_by_label("each to 1")).to_be_checked()
    until(page, "document.querySelector('.plot').data?.length > 0")
    largest = page.evaluate("document.querySelector('.plot').data.map(({ y }) => Math.max(...y))")
    assert largest == pytest.approx([1] * len(largest))
    picture(page, "units")


def test_all_can_be_done_with_keys_alone(page: Page) -> None:
    page.locator("table.list").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("oxalate")
    expect(page.locator("table.list tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_label("Select iron oxalate")).to_be_checked()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator(".families").wait_for()
    page.keyboard.press("1")
    expect(page.locator(".why h3")).to_contain_text("Why")
    page.keyboard.press("Escape")
    expect(page.locator(".why h3")).to_have_count(0)
    page.locator("table.peaks").wait_for()
    until = page.get_by_role("button", name="Confirm these labels")
    reach(page, until)
    page.keyboard.press("Enter")
    reach(page, page.get_by_role("button", name="Withdraw"))
    page.keyboard.press("Enter")
    expect(until).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Select iron oxalate")).to_be_visible()


def test_tabs_are_in_step_and_names_are_text(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("table.list").wait_for()
    open_run(page, EVIL)
    page.get_by_label("Remark").last.fill(f"from the other tab {EVIL}")
    page.get_by_role("button", name="Save the remark").click()
    expect(other.locator("table.list")).to_contain_text(f"from the other tab {EVIL}")
    page.get_by_role("link", name="Compare …").click()
    page.get_by_label("The second run").fill("calcite")
    page.locator(".plot .main-svg").first.wait_for()
    names = page.evaluate("document.querySelector('.plot').data.map((each) => each.name)")
    assert len(names) > 4 and not [name for name in names if "<" in name]
    assert page.locator("img[src=x], .plot img").count() == 0
    picture(page, "names")


def test_what_is_written_and_not_saved_is_not_lost(
    page: Page, lab: Served, may_say: list[str], tmp_path: Path
) -> None:
    may_say.append("404")
    work = sent(lab.client, "draft.csv", simulated_csv(40, ["chloride"], tmp_path))
    (run,) = finished(lab.client, work)["runs"]
    page.get_by_label("Select draft").wait_for()
    open_run(page, "draft")
    text = page.get_by_role("textbox", name="Remark")
    text.press_sequentially("from the second")
    page.keyboard.press("Escape")
    expect(text).not_to_be_focused()
    page.get_by_role("checkbox", name="basalt").check()
    page.get_by_role("button", name="Next run").click()
    expect(page.get_by_role("heading", name="draft", exact=True)).to_have_count(0)
    page.go_back()
    expect(text).to_have_value("from the second")
    page.reload()
    expect(text).to_have_value("from the second")
    expect(page.get_by_role("checkbox", name="basalt")).to_be_checked()
    expect(page.get_by_label("Labels", exact=True)).to_contain_text("not confirmed yet")
    text.focus()
    lab.client.put(f"/api/runs/{run}/remark", json={"remark": "said elsewhere"})
    expect(page.get_by_label("Remark").first).to_contain_text("said elsewhere")
    answered_by_another_bundle(lab.library, run)  # so all of it is drawn anew
    page.get_by_role("button", name="Predict again").wait_for()
    page.keyboard.type(" quarry")
    expect(text).to_have_value("from the second quarry")
    lab.client.post("/api/runs/delete", json={"ids": [run]})
    expect(page.locator("main")).to_contain_text("no longer in the library")
    expect(page.get_by_label("Remark that was not saved")).to_have_value("from the second quarry")


def test_what_failed_while_the_server_was_away_is_done_when_it_answers(
    page: Page, may_say: list[str]
) -> None:
    may_say += ["net::ERR"]
    expect(page.get_by_role("link", name="clay", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.route("**/*", lambda route: route.abort())
    page.get_by_role("link", name="clay", exact=True).click()
    expect(page.locator("main")).to_contain_text("egams does not answer")
    page.unroute_all()
    expect(page.get_by_role("heading", name="clay", exact=True)).to_be_visible()
    page.get_by_role("link", name="← All runs").click()
    missing = ("**/spectrogram", "**/peaks", "**/plotly.min.js*", "**/api/status")
    for part in missing:
        page.route(part, lambda route: route.abort())
    page.reload()
    page.evaluate("location.hash = '#/run/2'")
    expect(page.locator(".measured").get_by_text("egams does not answer")).to_have_count(2)
    expect(page.locator(".peaks-area").get_by_text("egams does not answer")).to_be_visible()
    page.unroute_all()
    for plot in (".traces", ".spectrogram"):
        page.locator(f"{plot} .main-svg").first.wait_for()
    page.locator("table.peaks").wait_for()
    expect(page.locator("main")).not_to_contain_text("does not answer")


def test_every_page_says_that_the_shipped_bundle_stands_in_for_a_lost_one(
    chromium: Browser, tmp_path: Path
) -> None:
    with Library.open(tmp_path / "lab.db") as library:
        library.set_setting("bundle", "f" * 64)
    server = Served(tmp_path / "lab.db")
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.goto(server.address)
        said = page.get_by_role("alert").filter(has_text="The taught bundle ffffffffffff is not in")
        expect(said).to_contain_text("The bundle that comes with egams answers instead.")
        for part in ("runs", "compare", "library", "teach"):
            page.evaluate(f"location.hash = '#/{part}'")
            expect(said).to_be_visible()
        picture(page, "lost")
        page.get_by_role("button", name="Use the shipped bundle from now on").click()
        expect(said).to_be_hidden()
    finally:
        page.close()
        server.kill()


NAMED = {"button", "link", "checkbox", "radio", "combobox", "textbox", "searchbox", "image"}
NAMED |= {"table", "dialog", "progressbar", "listbox", "spinbutton", "region"}


def test_every_control_has_a_name_and_every_text_contrast(page: Page) -> None:
    page.locator("table.list").wait_for()
    number = page.locator("table.list tbody a").first.get_attribute("href").partition("?")[0]
    session = page.context.new_cdp_session(page)
    for part, there in {
        "#/runs": "table.list",
        number: "table.peaks",
        "#/compare": ".picker",
        "#/teach": "h2",
        "#/library": ".facts dt",
    }.items():
        page.evaluate("(part) => { location.hash = part; }", part)
        page.locator(there).first.wait_for()
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        roles = [
            (node["role"]["value"], node.get("name", {}).get("value", "").strip())
            for node in nodes
            if not node["ignored"]
        ]
        assert len(roles) > 20
        assert not [role for role, name in roles if role in NAMED and not name], part
        assert not page.evaluate(CONTRAST), part
    picture(page, "library")
