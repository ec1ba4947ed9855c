"""Figures: what is on them, that they are the same twice, and that a bad path is told."""

import re
import struct
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from egams.ensemble.predictions import Predictions, RunPrediction
from egams.errors import ConfigError, InputError
from egams.families import FAMILIES, INSTRUMENTS
from egams.preprocess.prepare_runs import prepare_runs
from egams.report.figure import draw_run, typical_spectrogram
from egams.report.page import DPI
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_run

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
    assert png_size(first) == (10.0 * DPI, 7.2 * DPI)
    assert first == second
    assert len(first) < 200_000
    assert b"tEXt" not in first  # no date, no version
    assert dict(matplotlib.rcParams) == settings
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["run.png"]


@pytest.mark.parametrize("ending", [".pdf", ".svg"])
def test_vector_figures_have_the_same_bytes_twice(run, tmp_path, ending):
    files = [draw_run(run, tmp_path / f"{name}{ending}") for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not re.search(rb"CreationDate|<dc:date>", files[0].read_bytes())
    assert not re.search(rb"CreationDate|<dc:date>", files[0].read_bytes())


def test_legend_tells_what_was_not_measured(run, tmp_path):
    whole = Run(
        run.run_id,
        np.linspace(30.0, 900.0, 60),
        np.arange(100.0),
        np.random.default_rng(0).uniform(1.0, 2.0, (60, 100)),
        instrument=run.instrument,
    )
    said = texts(draw_run(without(whole, 18, 30), tmp_path / "run.svg").read_text())
    assert {"H₂O  18: not measured", "NO  30: not measured"} <= set(said)
    assert {"CO₂  44", "SO₂  64", "O₂  32", "HCl  36", "asPLS baseline"} <= set(said)
    # None of the six: the page still has its spectrogram.
    said = texts(draw_run(without(whole, 18, 44, 64, 32, 36, 30), tmp_path / "n.svg").read_text())
    assert sum("not measured" in text for text in said) == 6 + 1  # the spectrogram's title too


@pytest.mark.filterwarnings("error")
def test_ions_without_signal_and_names_with_dollars(tmp_path):
    abundance = np.full((60, 100), -1e-14)
    abundance[:, 28] = 1e-9
    run = Run("$a_{1", np.linspace(30.0, 900.0, 60), np.arange(100.0), abundance)
    said = texts(draw_run(run, tmp_path / "run.svg").read_text())
    assert "$a_{1" in said
    assert sum("not above zero" in text for text in said) == 6


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
    assert png_size((tmp_path / "own.png").read_bytes()) == (1300, 936)
    assert dict(matplotlib.rcParams) == before


def test_predictions_of_other_runs_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="no run 'mine' among 2 predictions"):
        draw_run(replace(run, run_id="mine"), tmp_path / "run.png", predictions=predictions_of(run))
    assert not list(tmp_path.iterdir())


def test_cooling_gives_the_same_spectrogram(run, tmp_path):
    cooled = replace(
        run, temperature=run.temperature[::-1], abundance=run.abundance[::-1], time=None
    )
    one, other = prepare_runs([run, cooled])
    for here, there in zip(typical_spectrogram(one), typical_spectrogram(other), strict=True):
        np.testing.assert_array_equal(here, there)
    said = texts(draw_run(cooled, tmp_path / "run.svg").read_text())
    assert any("cooled from" in text for text in said)


def test_spectrogram_tells_measured_from_floor():
    temperature = np.linspace(100.0, 500.0, 101)
    abundance = np.full((101, 3), 1e-9)
    abundance[40:61, 1] = 1.0
    run = Run("r", temperature, np.array([17.0, 18.0, 64.0]), abundance)
    (prepared,) = prepare_runs([run])
    image, measured = typical_spectrogram(prepared)
    columns = 30 + 12 * np.arange(80)
    assert image.max() == 0.0
    assert image.min() == -4.0
    assert np.flatnonzero(measured.any(1)).tolist() == [17, 18, 64]
    np.testing.assert_array_equal(measured[18], (columns >= 84) & (columns <= 516))
    np.testing.assert_array_equal(image[18] == 0.0, (columns >= 259) & (columns <= 342))


def test_paths_that_cannot_be_written_are_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/run\.png: the figure cannot be written"):
        draw_run(run, tmp_path / "file" / "run.png")
    (tmp_path / "run.png").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        draw_run(run, tmp_path / "run.png")
    with pytest.raises(ConfigError, match=r"no figure ends in '\.gif'"):
        draw_run(run, tmp_path / "run.gif")


def test_a_run_that_cannot_be_prepared_is_told(tmp_path):
    cold = Run("cold", np.linspace(0, 20, 30), np.arange(10.0), np.ones((30, 10)))
    with pytest.raises(InputError, match="run 'cold': no reading is left"):
        draw_run(cold, tmp_path / "run.png")
