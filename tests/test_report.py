"""Figures: what is on them, that they are the same twice, and that a bad path is told."""

import re
import struct
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egams.ensemble.predictions import Neighbour, Predictions, RunPrediction
from egams.errors import ConfigError, InputError
from egams.explain.explanation import (
    Explanation,
    FamilyExplanation,
    Together,
    WindowEvidence,
)
from egams.explain.peaks import peaks
from egams.explain.traces import traces_of
from egams.explain.windows import Window
from egams.families import FAMILIES, INSTRUMENTS
from egams.io.facts import facts_of
from egams.preprocess.blank import Blank, subtract_blank
from egams.report.compare import draw_mirrored, draw_overlay, draw_with_blank
from egams.report.figure import draw_run
from egams.report.labels import spread
from egams.report.log_ticks import few_log_ticks, power_words
from egams.report.page import LOOKS
from egams.report.signal_picture import signal_picture
from egams.report.words import facts_line, range_of
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_run

WINDOWS = ((44, 600.0), (13, 300.0), (32, 100.0))
PRESENT = ("carbonate", "sulfate")


@pytest.fixture(scope="module", params=INSTRUMENTS)
def run(request: pytest.FixtureRequest) -> Run:
    rng, config = np.random.default_rng(11), SimulationConfig.tiny()
    return simulate_run(
        rng, instrument=request.param, families=PRESENT, config=config, run_id="S_1"
    )


def without(run: Run, *mz: int) -> Run:
    kept = ~np.isin(run.mz, mz)
    return replace(run, mz=run.mz[kept], abundance=run.abundance[:, kept])


def predictions_of(run: Run) -> Predictions:
    """Of two runs, the one to be drawn second: families in reverse order of likelihood."""
    falling = np.linspace(0.95, 0.05, len(FAMILIES))
    spread, calls = np.full(len(FAMILIES), 0.1), np.full(len(FAMILIES), "uncertain")
    seen = np.full(len(FAMILIES), "")
    return Predictions(
        RunPrediction(name, run.instrument, probabilities, spread, spread, calls, seen)
        for name, probabilities in (("another", falling), (run.run_id, falling[::-1]))
    )


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def png_size(data: bytes) -> tuple[int, int]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_png_has_its_size_and_the_same_bytes_twice(run, tmp_path):
    settings = dict(matplotlib.rcParams)
    first = draw_run(run, tmp_path / "a" / "run.png").read_bytes()
    second = draw_run(run, tmp_path / "b.png", predictions=None).read_bytes()
    assert png_size(first)[0] == 10.0 * LOOKS["screen"].dpi
    assert first == second
    assert len(first) < 200_000
    large = replace(LOOKS["paper"], width=4.0, dpi=200)
    assert png_size(draw_run(run, tmp_path / "c.png", look=large).read_bytes())[0] == 800
    assert first.count(b"tEXt") == 1  # its maker: no date, no version
    assert b"tEXtSoftware\x00egams" in first
    assert dict(matplotlib.rcParams) == settings
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["run.png"]


@pytest.mark.parametrize("ending", [".pdf", ".svg"])
def test_vector_figures_have_the_same_bytes_twice(run, tmp_path, ending):
    files = [draw_run(run, tmp_path / f"{name}{ending}") for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not re.search(rb"CreationDate|<dc:date>", files[0].read_bytes())
    assert not re.search(rb"CreationDate|<dc:date>", files[0].read_bytes())


def even(seed: int = 0, mz: tuple[float, ...] = tuple(map(float, range(100)))) -> Run:
    """Noise without peaks."""
    abundance = np.random.default_rng(seed).uniform(1.0, 2.0, (60, len(mz)))
    return Run("even", np.linspace(30.0, 900.0, 60), np.array(mz), abundance)


def test_what_was_not_measured_is_named(tmp_path):
    said = texts(draw_run(without(even(), 18, 32), tmp_path / "run.svg").read_text())
    assert "Not measured: H₂O 18; O₂ 32" in said
    assert {"H₂O 17 for 18", "CO₂ 44"} <= set(said)
    said = texts(draw_run(without(even(), 17, 18, 20, 44), tmp_path / "n.svg").read_text())
    assert not any("H₂O" in text for text in said if "Not measured" not in text)
    assert "CO₂ 45 for 44" in said
    said = texts(draw_run(without(even(), 18), tmp_path / "p.svg", mz=[17, 20]).read_text())
    assert {"H₂O 17 for 18", "H₂O 20 for 18"} <= set(said)
    said = texts(draw_run(even(), tmp_path / "p.svg", mz=[17, 18]).read_text())
    assert {"H₂O 17", "H₂O 18"} <= set(said)


def test_a_run_that_cooled_again_is_told_by_its_lowest_and_highest_temperature() -> None:
    one = even()
    there_and_back = np.concatenate([np.linspace(30.4, 1001.0, 40), np.linspace(990.0, 101.0, 20)])
    assert facts_line(replace(one, temperature=there_and_back)).endswith("60 scans, 30 to 1001 °C")
    within_scans = one.temperature[:, None] + np.linspace(-3.0, 3.0, one.mz.size)
    slow = replace(one, temperature=within_scans)
    assert facts_line(slow).endswith(", 30 to 900 °C")
    assert range_of(slow) == pytest.approx(facts_of(slow).temperature)


def test_calls_choose_the_ions(tmp_path):
    run = simulate_run(np.random.default_rng(3), families=["carbonate"], run_id="S_1")
    predictions = predictions_of(run)
    said = {}
    for family, ion in (("sulfide", "SO₂ 64"), ("chloride", "HCl 36")):
        place = FAMILIES.index(family)
        calls = np.full(len(FAMILIES), "absent", dtype="<U9")
        calls[place] = "present"
        mine = Predictions([replace(predictions["S_1"], calls=calls)])
        said[family] = texts(draw_run(run, tmp_path / "r.svg", predictions=mine).read_text())
        assert ion in said[family]
    assert "H₂S 34" in said["sulfide"]
    said = texts(draw_run(run, tmp_path / "own.svg", mz=[12, 44]).read_text())
    assert {"CO₂ 12", "CO₂ 44"} <= set(said)
    assert "H₂O 18" not in said


def test_peaks_are_named_with_their_temperature(tmp_path):
    run = simulate_run(np.random.default_rng(3), families=["carbonate"])
    highest = max(peaks(run, [44]), key=lambda peak: peak.height)
    for linear in (False, True):
        said = texts(draw_run(run, tmp_path / "r.svg", linear=linear).read_text())
        assert f"CO₂ {highest.maximum_degC:.0f} °C" in said


def test_the_answer_flags_and_nearest_runs_are_in_the_picture(run, tmp_path):
    nearest = (Neighbour("S0421", ("iron_oxide",), 0.12),)
    mine = replace(predictions_of(run)[run.run_id], flags=("few scans",), nearest=nearest)
    said = texts(draw_run(run, tmp_path / "r.svg", predictions=Predictions([mine])).read_text())
    assert "few scans" in said
    assert "Nearest training runs (0: the same): S0421 at 0.12 (iron oxide)" in said
    assert "No family is called present" in said


def test_windows_of_evidence_are_tied_to_the_families_by_letters(tmp_path):
    run = simulate_run(np.random.default_rng(3), families=["carbonate"], run_id="S_1")
    first, second, unused = (Window((mz,), at, at + 90.0, at + 40.0) for mz, at in WINDOWS)
    explained = FamilyExplanation(
        "carbonate",
        0.95,
        "present",
        (WindowEvidence(first, 0.1, 0.85, 0.3), WindowEvidence(second, 0.05, 0.9, 0.2)),
        Together((first, second), 0.25),
        0.1,
        0.5,
    )
    explanation = Explanation("S_1", (explained,), (), (first, second, unused))
    path = draw_run(
        run, tmp_path / "r.svg", predictions=predictions_of(run), explanation=explanation
    )
    said = texts(path.read_text())
    assert "without A → 0.85, A+B → 0.25" in said
    assert {"A", "B", "m/z 13"} <= set(said)  # an ion of the evidence is drawn, usual or not
    assert "C" not in said
    plain = texts(draw_run(run, tmp_path / "p.svg", predictions=predictions_of(run)).read_text())
    assert not {"A", "m/z 13"} & set(plain)


def test_runs_over_each_other_against_a_blank_and_mirrored(tmp_path):
    one, other = (
        simulate_run(np.random.default_rng(seed), families=PRESENT, run_id=f"R{seed}")
        for seed in (1, 2)
    )
    said = texts(draw_overlay([one, other], tmp_path / "o.svg", mz=[18, 44]).read_text())
    assert {"R1", "R2", "H₂O 18", "CO₂ 44", "ion current, A"} <= set(said)
    assert any("10⁻" in text for text in said)  # ticks that do not stand on each other
    said = texts(draw_with_blank(one, other, tmp_path / "b.svg").read_text())
    (factor,) = re.findall(r"R2 subtracted, times (\S+),", str(less(one, other).notes))
    assert {"R1", f"blank: R2, times {factor}"} <= set(said)
    known = Neighbour("S0421", ("sulfate",), 0.2)
    kept = np.full((100, 41), 0.1, np.float32)
    kept[18] = np.nan
    said = texts(draw_mirrored(one, known, kept, tmp_path / "m.svg", mz=[18, 44]).read_text())
    assert {"below: training run S0421 at distance 0.20", "not measured"} <= set(said)
    assert said.count("1 = 1.0e-01") == 1
    with pytest.raises(ConfigError, match="1 runs to overlay; expected 2 to 6"):
        draw_overlay([one], tmp_path / "x.png")
    with pytest.raises(InputError, match="its blank even is of another instrument"):
        draw_with_blank(one, replace(even(), instrument="sam_testbed"), tmp_path / "x.png")
    for lacking in (draw_run, lambda *given, mz: draw_overlay([given[0]] * 2, given[1], mz=mz)):
        with pytest.raises(InputError, match=r"'R1'.*none of these m/z was measured"):
            lacking(one, tmp_path / "x.png", mz=[400])


def less(run: Run, blank: Run) -> Run:
    return subtract_blank(run, Blank.of(blank))


def test_what_is_shaded_over_a_blank_is_what_is_left_of_the_run(run, tmp_path, monkeypatch):
    rng = np.random.default_rng(12)
    config = SimulationConfig.tiny()
    blank = simulate_run(rng, instrument=run.instrument, families=(), config=config)
    blank = replace(blank, abundance=blank.abundance * 3)
    shaded, fill_between = [], Axes.fill_between

    def noted(self, at, low, high, **given):
        shaded.append((np.asarray(high) - np.asarray(low))[given["where"]])
        return fill_between(self, at, low, high, **given)

    monkeypatch.setattr(Axes, "fill_between", noted)
    draw_with_blank(run, blank, tmp_path / "b.svg", mz=[44], linear=True)
    left = traces_of(less(run, blank), [44]).signal[:, 0]
    assert shaded[0].max() == pytest.approx(np.nanmax(left))
    assert shaded[0].max() < 0.999 * np.nanmax(traces_of(run, [44]).signal)
    assert shaded[0].sum() == pytest.approx(np.nansum(left), rel=0.02)  # noise about 0 is cut off


@given(low=st.floats(1e-15, 1e9), span=st.floats(1e-3, 16))
def test_ticks_of_a_short_panel_can_be_read(low: float, span: float) -> None:
    places = np.log10(few_log_ticks(low, low * 10**span))
    assert 2 <= places.size <= 6
    assert np.diff(places).min() > 0.14 * span  # a line of text in a panel an inch high
    assert np.log10(low) - 1e-9 <= places[0] < places[-1] <= np.log10(low) + span + 1e-9


def test_numbers_at_ticks_are_short() -> None:
    said = [power_words(each) for each in (1e-8, 2e-11, 1.25e5, 0.5, 300.0)]
    plain = [each.replace("\N{MULTIPLICATION SIGN}", "x") for each in said]
    assert plain == ["10⁻⁸", "2 x 10⁻¹¹", "1.25 x 10⁵", "0.5", "300"]


def test_a_long_name_stays_in_the_picture(tmp_path, monkeypatch):
    name = "2024-03-01 Kalkstein, gemahlen, 20 mg " * 12
    one = replace(simulate_run(np.random.default_rng(1), families=PRESENT), run_id=name)
    written, savefig = [], Figure.savefig

    def noted(self, *given, **settings):
        written.extend((text.get_text(), text.get_window_extent().x1) for text in self.texts)
        written.append(("", self.bbox.x1))
        return savefig(self, *given, **settings)

    monkeypatch.setattr(Figure, "savefig", noted)
    for look in LOOKS.values():
        for draw in (draw_run, lambda run, path, **how: draw_overlay([run, run], path, **how)):
            written.clear()
            draw(one, tmp_path / "r.png", look=look)
            edge = written.pop()[1]
            assert max(right for _, right in written) < edge
            assert any(text.endswith("…") for text, _ in written)


def test_places_are_spread_as_little_as_needed():
    assert spread([5.0, 1.0], 2.0, (0.0, 10.0)) == [5.0, 1.0]
    assert spread([5.0, 5.0, 9.0], 2.0, (0.0, 10.0)) == [4.0, 6.0, 9.0]
    assert spread([10.0, 10.0], 3.0, (0.0, 10.0)) == [7.0, 10.0]


@pytest.mark.filterwarnings("error")
def test_ions_without_signal_and_names_with_dollars(tmp_path):
    abundance = np.full((60, 100), -1e-14)
    abundance[:, 28] = 1e-9
    run = Run("$a_{1", np.linspace(30.0, 900.0, 60), np.arange(100.0), abundance)
    said = texts(draw_run(run, tmp_path / "run.svg").read_text())
    assert "$a_{1" in said
    assert "CO, N₂ 28" in said


def test_predictions_of_the_run_stand_likeliest_on_top(run, tmp_path):
    svg = draw_run(run, tmp_path / "run.svg", predictions=predictions_of(run)).read_text()
    names = {family.replace("_", " ") for family in FAMILIES}
    shown = [text for text in texts(svg) if text in names]
    assert shown == [family.replace("_", " ") for family in FAMILIES]  # drawn from the bottom up
    bold = re.findall(r"font-weight: (?:bold|700)[^>]*>([^<]+)<|font: 700[^>]*>([^<]+)<", svg)
    assert {a or b for a, b in bold} == {run.run_id, *PRESENT}


def test_a_run_plots_itself(run, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = run.plot(predictions=predictions_of(run))
    assert len(figure.axes) == len(run.plot().axes) + 1
    assert {text.get_text() for text in figure.texts} >= {run.run_id}
    figure.savefig(tmp_path / "own.png")
    assert png_size((tmp_path / "own.png").read_bytes())[0] == 1300
    assert dict(matplotlib.rcParams) == before


def test_predictions_of_other_runs_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="no run 'mine' among 2 predictions"):
        draw_run(replace(run, run_id="mine"), tmp_path / "run.png", predictions=predictions_of(run))
    assert not list(tmp_path.iterdir())


def test_cooling_gives_the_same_picture(run, tmp_path):
    cooled = replace(
        run, temperature=run.temperature[::-1], abundance=run.abundance[::-1], time=None
    )
    one, other = (signal_picture(traces_of(each)) for each in (run, cooled))
    np.testing.assert_allclose(one, other, rtol=1e-5)
    said = texts(draw_run(cooled, tmp_path / "run.svg").read_text())
    assert any("°C while cooling" in text for text in said)


def test_the_picture_of_all_mz_tells_measured_from_floor():
    temperature = np.linspace(100.0, 1100.0, 251)
    abundance = np.full((251, 3), 1e-9)
    abundance[40:61, 1] = 1.0
    run = Run("r", temperature, np.array([17.0, 18.0, 64.0]), abundance)
    traces = traces_of(run)
    picture = signal_picture(traces)
    assert traces.temperature[-1] == 1102.0  # beyond what models use
    assert np.flatnonzero(np.isfinite(picture).any(1)).tolist() == [17, 18, 64]
    assert np.nanmax(picture) == 0.0
    assert np.nanmin(picture) == -4.0
    np.testing.assert_array_equal(
        picture[18] == 0.0, (traces.temperature > 260) & (traces.temperature < 344)
    )


def test_paths_that_cannot_be_written_are_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/run\.png: the figure cannot be written"):
        draw_run(run, tmp_path / "file" / "run.png")
    (tmp_path / "run.png").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        draw_run(run, tmp_path / "run.png")
    with pytest.raises(ConfigError, match=r"no figure ends in '\.gif'"):
        draw_run(run, tmp_path / "run.gif")


def test_a_run_without_traces_is_told(tmp_path):
    short = Run("short", np.linspace(40, 50, 30), np.arange(10.0), np.ones((30, 10)))
    with pytest.raises(InputError, match="run 'short': no m/z was measured over 4 bins"):
        draw_run(short, tmp_path / "run.png")
