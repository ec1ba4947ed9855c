"""The report: one file that holds everything, fetches nothing and runs nothing it was not given."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import egams
from egams.errors import InputError
from egams.io import write_csv
from egams.report.html import write_report
from egams.simulate import simulate_run

EVIL = "a<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed, families in enumerate((["carbonate"], ["sulfate"], [])):
        write_csv(
            simulate_run(np.random.default_rng(seed), families=families), folder / f"R{seed}.csv"
        )
    (folder / "bad.csv").write_text("time,temp,m/z,abundance\n1,20,18,1e-9\n", encoding="utf-8")
    return folder


def source_of(path: object) -> egams.io.RunSource:
    return egams.read(path).source


def test_a_report_holds_all_runs_and_fetches_nothing(runs: Path, tmp_path: Path) -> None:
    source = source_of(runs)
    skipped = write_report(source, tmp_path / "r.html", evidence=False, jobs=1)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert [entry.run_id for entry in skipped] == ["bad"]
    assert f"bad: {skipped[0].reason}"[:40] in page
    assert re.findall(r'<section class="run" id="run-(\d)">', page) == ["1", "2", "3"]
    assert page.count("<svg") == 3
    assert len(page) < 3 * 300_000
    fetched = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[^>]*>", page)
    assert not [tag for tag in fetched if not re.search(r'(?:xlink:)?href="(?:#|data:)', tag)]
    assert "http" not in re.sub(r'xmlns[:\w]*="[^"]*"', "", page)
    digest = hashlib.sha256((runs / "R0.csv").read_bytes()).hexdigest()
    assert digest in page
    for peak in egams.peaks(source.load("R1")):
        if peak.share >= 0.05:
            assert f"{peak.height:.2e}" in page
    heads = set(re.findall(r"<th[^>]*>((?:height|area)[^<]*)</th>", page))
    assert heads == {"height, A", "area, A °C"}
    one = egams.load_bundle().predict(source.load("R1"))[0]
    likeliest = one.probabilities.argmax()
    assert "models differ by" in page
    assert "±" not in page
    for number in (one.probabilities[likeliest], one.spread[likeliest]):
        assert f'<td class="number">{number:.2f}</td>' in page


def test_table_and_page_state_the_same_temperatures(tmp_path: Path) -> None:
    run = simulate_run(np.random.default_rng(1), families=["sulfate"], instrument="sam_testbed")
    run = replace(run, temperature=run.temperature + np.linspace(-2.0, 2.0, run.mz.size))
    highest = float(np.nanmax(run.scan_temperature))
    assert f"{highest:.0f}" != f"{np.nanmax(run.temperature):.0f}"  # it warms within a scan
    write_report(source_of([run]), tmp_path / "r.html", evidence=False, jobs=1)
    page = re.sub(r"<svg.*?</svg>", "", (tmp_path / "r.html").read_text(encoding="utf-8"))
    said = re.findall(r", (\d+ to \d+ °C)<", page)
    assert len(said) == 2
    assert set(said) == {f"{np.nanmin(run.scan_temperature):.0f} to {highest:.0f} °C"}


def test_ids_of_pictures_differ_from_run_to_run(runs: Path, tmp_path: Path) -> None:
    write_report(source_of(runs), tmp_path / "r.html", evidence=False, jobs=1)
    pictures = re.findall(r"<svg.*?</svg>", (tmp_path / "r.html").read_text(), re.DOTALL)
    clips = [set(re.findall(r'clipPath id="(\w+)"', picture)) for picture in pictures]
    assert all(clips)
    assert not clips[0] & clips[1]


def test_names_are_text_and_no_markup(tmp_path: Path) -> None:
    run = simulate_run(np.random.default_rng(0), families=["carbonate"], run_id=EVIL)
    write_report(source_of([run]), tmp_path / "r.html", evidence=False, jobs=1)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "a&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page


def test_evidence_stands_in_words_and_in_the_picture(runs: Path, tmp_path: Path) -> None:
    source = source_of(runs).only(["R0"])
    write_report(source, tmp_path / "r.html", jobs=1)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    explanation = egams.load_bundle().explain(source.load("R0"))
    assert explanation.families
    for family in explanation.families:
        assert family.lines()[0].replace(">", "&gt;") in page
    assert "<th>evidence</th><td>yes</td>" in page


def test_an_interactive_report_brings_its_script_and_numbers(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    source = source_of(runs).only(["R0"])
    write_report(source, tmp_path / "r.html", evidence=False, interactive=True, jobs=1)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    drawn = re.search(r'Plotly\.newPlot\("curves-1", (\[.*?\]), \{margin', page)
    assert drawn is not None
    curves = json.loads(drawn[1])
    assert {"H₂O 18", "CO₂ 44"} <= {curve["name"] for curve in curves}
    assert all(len(curve["x"]) == len(curve["y"]) for curve in curves)
    assert len(page) < 6_000_000


def test_a_report_of_nothing_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 1 runs can be used"):
        write_report(source_of(runs).only(["bad"]), tmp_path / "r.html", jobs=1)
    assert not (tmp_path / "r.html").exists()
