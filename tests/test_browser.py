"""The workbench as a person uses it: a real Chromium before a real `egams serve`."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from browser_samples import (
    CONTRAST,
    COVERED,
    EVIL,
    NEEDS_CHROMIUM,
    PICTURES,
    SAMPLES,
    drawn,
    drop,
    foreign_table,
    open_run,
    picture,
    reach,
    simulated_csv,
    until,
)
from web_samples import Served

pytest_plugins = ["browser_fixtures"]
pytestmark = NEEDS_CHROMIUM


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
