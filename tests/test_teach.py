"""Teaching a bundle labelled runs: they count, without themselves, and nothing else is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command_line import egams as command_line
from egams.ensemble.bundle import SHIPPED, load_bundle
from egams.ensemble.teach import Lesson, teach
from egams.errors import ConfigError, InputError
from egams.families import FAMILIES
from egams.io import write_csv
from egams.run import Run
from egams.simulate import simulate_runs
from egams.store.prepare import prepare

TAUGHT = 8


def simulated(runs: int) -> list[Run]:
    return [
        replace(run, run_id=f"lab-{number}")
        for number, run in enumerate(simulate_runs(runs, np.random.default_rng(11)))
    ]


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lesson, Path]:
    place = tmp_path_factory.mktemp("taught") / "lab.bundle"
    return teach(simulated(TAUGHT), place), place


def test_taught_runs_are_known_and_what_was_known_is_not_lost(
    lesson: tuple[Lesson, Path],
) -> None:
    found, place = lesson
    taught, runs = load_bundle(place), simulated(TAUGHT)
    predictions = taught.predict(runs)
    for run, predicted in zip(runs, predictions, strict=True):
        assert run.labels is not None
        assert predicted.nearest[0].run_id == run.run_id
        assert predicted.nearest[0].families == tuple(np.array(FAMILIES)[run.labels == 1])
    truth = np.array([run.labels for run in runs])
    before = load_bundle().predict(runs).probabilities
    assert np.abs(truth - predictions.probabilities).mean() < np.abs(truth - before).mean() - 0.05
    assert found.runs == TAUGHT == taught.manifest["taught"]
    assert found.after < found.before, "simulated runs are alike, and unlike the real ones"
    assert found.known_after == pytest.approx(found.known_before, abs=0.002)


def test_each_is_scored_as_if_it_had_not_been_taught(
    lesson: tuple[Lesson, Path], tmp_path: Path
) -> None:
    _, place = lesson
    runs = simulated(TAUGHT)
    teach(runs[1:], tmp_path / "others.bundle")
    expected = load_bundle(tmp_path / "others.bundle").predict(runs[0])
    taught = load_bundle(place)
    own = np.arange(len(taught.training_runs.run_ids) - TAUGHT, len(taught.training_runs.run_ids))
    found = taught.predict_known(prepare(runs), own)[0]
    # The calibration of the process knows one label more.
    np.testing.assert_allclose(found.probabilities, expected.probabilities[0], atol=0.03)
    assert found.nearest[0].run_id == expected[0].nearest[0].run_id != runs[0].run_id


def test_what_cannot_be_taught_is_refused(lesson: tuple[Lesson, Path], tmp_path: Path) -> None:
    runs = simulated(2)
    with pytest.raises(InputError, match="1 of 2 runs have no labels, 'lab-1' first"):
        teach([runs[0], replace(runs[1], labels=None)], tmp_path / "a.bundle")
    with pytest.raises(InputError, match="knows a run 'lab-0' already"):
        teach(runs, tmp_path / "a.bundle", lesson[1])
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("keep me")
    with pytest.raises(ConfigError, match="is no bundle"):
        teach(runs, tmp_path / "folder")
    assert not (tmp_path / "a.bundle").exists()


def test_a_taught_bundle_is_taught_again_from_the_command_line(
    lesson: tuple[Lesson, Path], tmp_path: Path
) -> None:
    rows = [",".join(("sample_id", *FAMILIES))]
    (tmp_path / "lab").mkdir()
    for run in simulated(TAUGHT + 3)[TAUGHT:]:
        assert run.labels is not None
        write_csv(run, tmp_path / "lab" / f"{run.run_id}.csv")
        rows.append(",".join((run.run_id, *(f"{label:.0f}" for label in run.labels))))
    labels, output = tmp_path / "truth.csv", tmp_path / "more.bundle"
    labels.write_text("\n".join(rows) + "\n", encoding="utf-8")
    said = command_line(
        "teach", tmp_path / "lab", "--labels", labels, "-o", output, "--bundle", lesson[1]
    )
    assert "3 runs taught" in said.stdout
    again = load_bundle(output)
    assert again.manifest["taught"] == TAUGHT + 3
    known = len(load_bundle(SHIPPED).training_runs.run_ids)
    assert len(again.training_runs.run_ids) == known + TAUGHT + 3
    command_line("verify", output)
