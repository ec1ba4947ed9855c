"""What happens around a person at the workbench: other pages, bundles, units, a server away."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser_samples import (
    NEEDS_CHROMIUM,
    answered_by_another_bundle,
    drop,
    open_run,
    picture,
    simulated_csv,
    until,
    without_answers,
)
from egams.library.library import Library
from web_samples import Served, finished, in_mbar, sent

pytest_plugins = ["browser_fixtures"]
pytestmark = NEEDS_CHROMIUM


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
    expect(notes).to_contain_text("a ramp of 20 °C a minute")
    expect(notes).to_contain_text("the file's own temperature is not used")
    page.get_by_role("link", name="← All runs").click()
    open_run(page, "unstated")
    expect(notes).not_to_contain_text("a ramp of")


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
    expect(page.get_by_label("Pages of the list")).to_contain_text("1 to 50 of 60")
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
