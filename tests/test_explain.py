"""Explanations: nothing taken away changes nothing, and what was planted is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import egams as package
from command_line import egams
from egams.cli.main import app
from egams.ensemble.bundle import Bundle, load_bundle
from egams.ensemble.predictions import Neighbour
from egams.errors import ConfigError, InputError
from egams.explain.explanation import Explanation, FamilyExplanation, Together, WindowEvidence
from egams.explain.occlude import occluded
from egams.explain.same_draws import SameDraws
from egams.explain.windows import Window, windows_of
from egams.families import FAMILIES
from egams.io import write_csv
from egams.models.neighbours import Neighbours
from egams.preprocess.missing import Missing, without
from egams.preprocess.prepare_runs import PreparedRun
from egams.run import Run
from egams.simulate import simulate_run
from egams.simulate.sample import DrawnRelease
from egams.store.manifest import StoreManifest
from egams.store.prepare import prepare
from egams.store.run_store import RunStore, to_block
from released import released

DRAWS = 4
SULFATE = FAMILIES.index("sulfate")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate_run(np.random.default_rng(1), families=("carbonate", "sulfate"))


@pytest.fixture(scope="module")
def prepared(run: Run) -> PreparedRun:
    return prepare(run)[0]


@pytest.fixture(scope="module")
def same(bundle: Bundle, prepared: PreparedRun) -> SameDraws:
    return SameDraws(bundle, prepared, DRAWS, 0)


def test_nothing_taken_away_changes_no_bit(
    bundle: Bundle, run: Run, prepared: PreparedRun, same: SameDraws
) -> None:
    assert occluded(prepared, []) is prepared
    everywhere = Window((64, 32), 0.0, 1000.0, 500.0)
    assert occluded(prepared, [everywhere], kept=[everywhere]) is prepared
    copy = replace(prepared, abundance=prepared.abundance.copy())
    expected = bundle.predict(run, draws=DRAWS).probabilities[0]
    found = same.probabilities([prepared, copy, prepared])
    np.testing.assert_array_equal(found[[0, 2]], [expected, expected])
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)


def test_a_version_is_answered_like_a_run_that_was_recorded_so(
    bundle: Bundle, prepared: PreparedRun
) -> None:
    windows = windows_of(prepared)
    same = SameDraws(bundle, prepared, 16, 0)
    for taken in (windows, [window for window in windows if window.mz[0] == 18]):
        version = occluded(prepared, taken)
        block = to_block(version)
        data = np.frombuffer(block.data, np.uint8)
        store = RunStore(StoreManifest.of([block.entry], (), data), data)
        # Another context, so other draws: close, not equal.
        expected = bundle.predict(store).probabilities[0]
        found = same.probabilities([prepared, version])
        np.testing.assert_allclose(found[1], expected, atol=0.08)
        assert np.abs(found[0] - expected).max() > 0.1


def test_an_ion_that_was_not_measured_does_nothing(prepared: PreparedRun) -> None:
    fewer = without(prepared, Missing(mz=tuple(mz for mz in prepared.mz.tolist() if mz != 64)))
    assert occluded(fewer, [Window((64,), 0.0, 1000.0, 500.0)]) is fewer
    assert not [window for window in windows_of(fewer) if 64 in window.mz]


def test_only_the_window_changes(prepared: PreparedRun) -> None:
    window = windows_of(prepared)[-1]
    changed = occluded(prepared, [window]).abundance != prepared.abundance
    inside = (prepared.temperature >= window.start_degC) & (prepared.temperature <= window.end_degC)
    assert changed[inside][:, np.isin(prepared.mz, window.mz)].mean() > 0.5
    changed[np.ix_(inside, np.isin(prepared.mz, window.mz))] = False
    assert not changed.any()


@pytest.mark.parametrize(
    ("gas", "mz", "peak"), [("SO2", 64, 620.0), ("CO2", 44, 480.0), ("O2", 32, 410.0)]
)
def test_a_planted_release_is_a_window_with_its_fragments(gas: str, mz: int, peak: float) -> None:
    planted = released([DrawnRelease(gas, peak, 3e-6, 200.0, 0.04)], np.random.default_rng(0)).run
    found = [window for window in windows_of(prepare(planted)[0]) if window.mz[0] == mz]
    strongest = min(found, key=lambda window: abs(window.maximum_degC - peak))
    assert abs(strongest.maximum_degC - peak) < 30
    assert strongest.start_degC < peak < strongest.end_degC
    assert strongest.species == gas
    fragments = {"SO2": {48, 66}, "CO2": {45, 22, 12}, "O2": {34}}[gas]
    assert fragments <= set(strongest.mz)
    others = [window for window in windows_of(prepare(planted)[0]) if window is not strongest]
    beside = [each for each in others if abs(each.maximum_degC - peak) < 8]
    assert not [each for each in beside if fragments & set(each.mz[:1])]


def test_a_family_is_explained_by_what_was_released_for_it(bundle: Bundle) -> None:
    gases = {"sulfate": {64, 48, 18}, "oxalate": {28, 44, 18}, "carbonate": {44, 28}}
    for family, ions in gases.items():
        run = simulate_run(np.random.default_rng(2), families=(family,))
        explained = bundle.explain(run, families=[family], draws=DRAWS).families[0]
        assert explained.family == family
        assert explained.windows[0].window.mz[0] in ions, str(explained.windows[0])
        assert explained.windows[0].drop > 0


def test_an_explanation_holds_together(bundle: Bundle, run: Run) -> None:
    predicted = bundle.predict(run, draws=DRAWS)[0]
    found = package.explain_run(run, bundle, draws=DRAWS)
    assert found.nearest == predicted.nearest
    explained = {each.family: each for each in found.families}
    assert list(explained) == [
        FAMILIES[place]
        for place in (-predicted.probabilities).argsort(kind="stable")
        if predicted.calls[place] != "absent"
    ]
    for family, each in explained.items():
        assert each.probability == predicted.probabilities[FAMILIES.index(family)]
        drops = [window.drop for window in each.windows]
        assert drops == sorted(drops, reverse=True)
        for window in each.windows:
            assert window.drop == pytest.approx(each.probability - window.without)
            assert window.window in found.windows
        assert (each.together is None) == (min(w.without for w in each.windows) < 0.5)
        if each.together is not None and each.no_window < 0.5:
            assert each.together.is_enough
    json.dumps(found.details())


def test_the_nearest_runs_count_for_the_base_rates_when_their_labels_do_not(
    bundle: Bundle,
    same: SameDraws,
    prepared: PreparedRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.array(bundle.training_runs.labels)
    (neighbours,) = {each.neighbours for member in bundle.members for each in member.predictors}
    none = neighbours.whole.evidence_of_none()[0]
    far = 1 / (1 + np.exp(-4 * none[:-1].astype(float)))
    np.testing.assert_allclose(far, labels.mean(0), atol=0.001)
    assert none[-1] >= 1
    for name in ("evidence", "evidence_and_nearest"):
        monkeypatch.setattr(Neighbours, name, None)  # whoever consults the labels fails
    changed = same.probabilities([prepared], neighbours=False)
    monkeypatch.undo()
    assert np.abs(changed - same.probabilities([prepared])).max() > 0.01


def test_words() -> None:
    so2 = Window((64, 48, 66), 550.0, 700.0, 620.0)
    water, other = Window((18, 17), 90.0, 150.0, 120.0), Window((43,), 300.0, 400.0, 350.0)
    windows = (
        WindowEvidence(so2, 0.73, 0.2, 0.91),
        WindowEvidence(water, 0.05, 0.88, 0.11),
        WindowEvidence(other, -0.03, 0.96, 0.02),
    )
    sulfate = FamilyExplanation("sulfate", 0.93, "present", windows, None, 0.04, 0.8)
    near = (Neighbour("S0421", ("sulfate",), 0.12),)
    several = Together((so2, water), 0.41)
    iron = FamilyExplanation("iron_oxide", 0.7, "present", windows[2:], several, 0.3, 0.1)
    whatever = Together((so2, water, other), 0.6)
    basalt = FamilyExplanation("basalt", 0.66, "uncertain", (), whatever, 0.6, 0.65)
    text = str(Explanation("S1", (sulfate, iron, basalt), near, (so2, water, other)))
    assert text == (Path(__file__).parent / "golden" / "explanation.txt").read_text().rstrip("\n")
    assert str(Explanation("S1", (), (), ())) == "no family is present or uncertain"


def test_what_cannot_be_explained_is_refused(bundle: Bundle, run: Run) -> None:
    with pytest.raises(ConfigError, match=r"no family 'sulphate'\. Did you mean 'sulfate'"):
        bundle.explain(run, families=["sulphate"])
    with pytest.raises(InputError, match="2 runs to explain; expected one"):
        bundle.explain([run, replace(run, run_id="other")])


def test_the_command_line_prints_and_writes_what_python_returns(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    write_csv(run, table)
    output = tmp_path / "mine.json"
    printed = egams("explain", table, "--draws", DRAWS, "-o", output)
    expected = package.load_bundle().explain(table, draws=DRAWS)
    assert printed.stdout.splitlines()[0] == "mine"
    assert str(expected) in printed.stdout
    assert "details in" in printed.stdout
    written = json.loads(output.read_text())
    assert {name: written[name] for name in expected.details()} == expected.details()
    words = ["explain", str(table), "--draws", str(DRAWS)]
    asked = CliRunner().invoke(app, [*words, "--json", "--family", "sulfide"])
    assert list(json.loads(asked.stdout)["families"]) == ["sulfide"]
    refused = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "mine.xlsx")])
    assert isinstance(refused.exception, ConfigError)
    assert ".json" in str(refused.exception)
