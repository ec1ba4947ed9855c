"""A blank: its factor is found, what is left is the sample, and what does not fit is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command_line import egams
from egams.ensemble.bundle import load_bundle
from egams.errors import InputError
from egams.families import FAMILIES
from egams.io import write_csv
from egams.preprocess.blank import Blank, subtract_blank
from egams.run import Run
from egams.simulate import SimulationConfig, commercial, sam, simulate_run
from prepared_samples import simulated

FACTOR = 2.5
BACKGROUNDS = {
    "commercial": (commercial, "COMMERCIAL_BACKGROUND"),
    "sam_testbed": (sam, "SAM_BACKGROUND"),
}
CASES = [
    (seed, families, "commercial")
    for seed in (10, 40, 70)
    for families in (("carbonate",), ("sulfate", "phyllosilicate"), ("oxalate", "oxychlorine"))
]


def simulated_with_blank(
    seed: int, families: tuple[str, ...], instrument: str, patch: pytest.MonkeyPatch
) -> tuple[Run, Run, Run]:
    """A sample without background, the same on `FACTOR` times that of a blank, and the blank."""

    def empty(config: SimulationConfig) -> Run:
        rng = np.random.default_rng(seed)
        return simulate_run(rng, families=(), run_id="B1", instrument=instrument, config=config)

    quiet = Blank.of(empty(replace(SimulationConfig(), noise=0.0)))
    module, name = BACKGROUNDS[instrument]
    with patch.context() as without:
        without.setattr(module, name, type(getattr(module, name))())
        rng = np.random.default_rng(seed + 1)
        alone = simulate_run(rng, families=families, run_id="S1", instrument=instrument)
    measured = alone.abundance.copy()
    for column, mz in enumerate(alone.mz):
        place = np.flatnonzero(quiet.mz == mz)
        if place.size:
            below = quiet.at(int(place[0]), alone.reading_temperature[:, column])
            measured[:, column] += FACTOR * below
    return alone, replace(alone, abundance=measured), empty(SimulationConfig())


@pytest.mark.parametrize(("seed", "families", "instrument"), CASES)
def test_the_sample_is_left(
    seed: int, families: tuple[str, ...], instrument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, measured, blank = simulated_with_blank(seed, families, instrument, monkeypatch)
    found = subtract_blank(measured, Blank.of(blank))
    (factor,) = (
        float(m[1])
        for m in (re.search(r"B1 subtracted, times (\S+),", n) for n in found.notes)
        if m
    )
    assert factor == pytest.approx(FACTOR, rel=0.05)
    background = np.nanmax(np.abs(measured.abundance - alone.abundance))
    assert np.nanmax(np.abs(found.abundance - alone.abundance)) < 0.01 * background
    assert np.nanmin(found.abundance) >= 0
    assert found.notes[: len(measured.notes)] == measured.notes


def test_sensitivity_and_temperatures_of_the_blank_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, measured, blank = simulated_with_blank(40, ("carbonate",), "commercial", monkeypatch)
    found = subtract_blank(measured, Blank.of(blank))
    stronger = replace(blank, abundance=blank.abundance * 1e3)
    np.testing.assert_allclose(
        subtract_blank(measured, Blank.of(stronger)).abundance, found.abundance, atol=1e-20
    )
    every_other = replace(
        blank,
        temperature=blank.temperature[::2],
        abundance=blank.abundance[::2],
        time=None,
    )
    # A blank heated twice as fast, with half of the scans.
    other = subtract_blank(measured, Blank.of(every_other)).abundance
    assert np.nanmax(np.abs(other - found.abundance)) < 0.01 * np.nanmax(measured.abundance)


def test_what_does_not_fit_is_refused_or_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, run, blank = simulated_with_blank(40, ("carbonate",), "commercial", monkeypatch)

    def part(low: float, high: float) -> Blank:
        held = (blank.temperature > low) & (blank.temperature < high)
        return Blank.of(
            replace(
                blank,
                temperature=blank.temperature[held],
                abundance=blank.abundance[held],
                time=None,
            )
        )

    noise = np.random.default_rng(0).normal(0, 1e-13, blank.abundance.shape)
    for wrong, phrase in (
        (Blank.of(replace(blank, instrument="sam_testbed")), "is of another instrument"),
        (Blank.of(replace(blank, mz=blank.mz + 0.5)), "has none of its m/z"),
        (part(0, 300), r"goes from 3\d to 29\d degC, the run from"),
        (Blank.of(replace(blank, abundance=noise)), "no signal above its noise"),
    ):
        with pytest.raises(InputError, match=rf"run 'S1': its blank B1 .*{phrase}"):
            subtract_blank(run, wrong)
    fewer = Blank.of(replace(blank, mz=blank.mz[:40], abundance=blank.abundance[:, :40]))
    found = subtract_blank(run, fewer)
    assert f"{run.mz.size - 40} m/z are not in the blank: left as measured" in found.notes
    np.testing.assert_array_equal(found.abundance[:, 40:], run.abundance[:, 40:])
    assert any(
        "degC its first or last signal was taken" in n
        for n in subtract_blank(run, part(50, 900)).notes
    )


def test_answers_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, run, blank = simulated_with_blank(40, ("carbonate",), "commercial", monkeypatch)
    other = simulated(3, tiny=True)
    for each, name in ((run, "S1"), (other, "S2"), (blank, "B1")):
        write_csv(each, tmp_path / f"{name}.csv")
    bundle = load_bundle()
    found = bundle.predict(tmp_path / "S1.csv", blank=tmp_path / "B1.csv")
    measured = bundle.predict(tmp_path / "S1.csv")
    (one,) = found
    assert one.as_measured is not None
    np.testing.assert_array_equal(one.as_measured, measured[0].probabilities)
    assert np.abs(one.probabilities - one.as_measured).max() > 0.01
    assert any("blank B1 subtracted" in note for note in one.notes)
    files = (tmp_path / "S1.csv", tmp_path / "S2.csv", "--blank", tmp_path / "B1.csv")
    egams("predict", *files, "--details", tmp_path / "d.json")
    details = json.loads((tmp_path / "d.json").read_text())["runs"]
    assert [run["sample_id"] for run in details] == ["S1", "S2"]
    assert details[0]["as_measured"] == {
        name: round(p, 4) for name, p in zip(FAMILIES, one.as_measured.tolist(), strict=True)
    }
    assert details[0]["families"]["carbonate"]["probability"] == pytest.approx(
        one.probabilities[FAMILIES.index("carbonate")], abs=1e-4
    )


def test_a_blank_without_temperature_is_asked(tmp_path: Path) -> None:
    run = simulated(1)
    write_csv(run, tmp_path / "a.csv")
    assert run.time is not None
    water, carbon_dioxide = (run.abundance[:, run.mz == mz].ravel() for mz in (18, 44))
    signals = zip(run.time, water, carbon_dioxide, strict=True)
    rows = [f"{time}\t{one}\t{other}" for time, one, other in signals]
    (tmp_path / "b.txt").write_text("\n".join(["time/s\tm/z 18\tm/z 44", *rows]))
    heated = [f"{t},{temp}" for t, temp in zip(run.time, run.temperature, strict=True)]
    (tmp_path / "curve.csv").write_text("\n".join(["time/s,T/°C", *heated]))
    blank = ("--blank", tmp_path / "b.txt")
    for options, phrase in (
        (blank, "--blank-temperature FILE"),
        ((*blank, "--runs-per-shard", 2, "-o", tmp_path / "out"), "do not go together"),
        (("--blank-temperature", tmp_path / "curve.csv"), "belongs to a blank"),
    ):
        refused = egams("predict", tmp_path / "a.csv", *options, ok=False)
        assert (refused.returncode, phrase in refused.stderr) == (2, True), refused.stderr
    heating = ("--blank-temperature", tmp_path / "curve.csv", "--offset", 0)
    egams("predict", tmp_path / "a.csv", *blank, *heating, "--details", tmp_path / "d.json")
    (found,) = json.loads((tmp_path / "d.json").read_text())["runs"]
    assert any(n.startswith("blank b subtracted, times 1,") for n in found["notes"]), found["notes"]
    picture = tmp_path / "p.svg"
    egams("plot", tmp_path / "a.csv", *blank, *heating, "-o", picture)
    assert ">blank: b, times 1<" in picture.read_text(encoding="utf-8")
