"""`cross_validate`: what is trained, kept, resumed and refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egams.artifact import sealed, write_json
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.experiments.experiment import Experiment
from egams.jobs.contract import JobReport
from egams.lock import alone_in
from egams.models.conv1d import Conv1dConfig
from egams.models.predict import predict_draws
from egams.models.trees import LightgbmConfig
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.folds import FoldSettings
from egams.study.gather import study_predictions
from egams.study.study import MEMBER, Study
from egams.training import member
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, tiny_experiment

TREES = Experiment(name="trees", model=LightgbmConfig(trees=4, renders=1, fewest_in_leaf=1))
BROKEN = Experiment(name="broken", model=Conv1dConfig(width=8, dilations=(0,)))
SETTINGS: dict[str, Any] = {"folds": 3, "draws": 2, "seed": 5}
WITH_SAM = SETTINGS | {"folds": FoldSettings(3, sam_fold=True)}
WITH_WHOLE = SETTINGS | {"folds": FoldSettings(3, whole=True)}
LABELLED, SAM = 24, 6


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 labelled runs, 6 of them of the SAM testbed, and 3 without labels."""
    unlabelled = [
        replace(run, run_id=f"unknown-{run.run_id}", labels=None) for run in labelled_runs(3, 1)
    ]
    path = tmp_path_factory.mktemp("cross-validation") / "store"
    prepare([*labelled_runs(LABELLED, 0, sam=SAM), *unlabelled], path, jobs=1)
    return path


@pytest.fixture(scope="module")
def study(store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A network and trees, on three folds and on fold "sam", trained in this process."""
    output = tmp_path_factory.mktemp("studies") / "whole"
    experiments = [tiny_experiment(), TREES]
    return cross_validate(store_path, experiments, output, jobs=1, **WITH_SAM)


def members(study: Study) -> list[Path]:
    return sorted(study.folder.glob(f"*/fold-*/{MEMBER}"))


def weights(folder: Path) -> dict[str, bytes]:
    """Trained weights of every member of a study, and their held-out predictions, as bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob("*/fold-*/*")
        if path.suffix in {".safetensors", ".txt", ".parquet"}
    }


def spy(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Note which runs each training is given."""
    seen: list[list[int]] = []
    train = member.train_experiment

    def noting(experiment: Experiment, runs: ResidentRuns, *rest: Any, **named: Any):
        seen.append(rest[0].tolist())
        return train(experiment, runs, *rest, **named)

    monkeypatch.setattr(member, "train_experiment", noting)
    return seen


def test_layout_of_a_study(study: Study) -> None:
    entries = {str(path.relative_to(study.folder)) for path in study.folder.rglob("*")}
    assert {"manifest.json", "folds.json", "truth.json"} <= entries
    for fold in ("0", "1", "2", "sam"):
        assert f"tiny/fold-{fold}/weights.safetensors" in entries
        assert f"trees/fold-{fold}/trees.safetensors" in entries
        assert f"trees/fold-{fold}/held-out.parquet" in entries
    left_over = {name for name in entries if "checkpoint" in name or "tmp" in name}
    assert not left_over
    assert set(study.experiments()) == {"tiny", "trees"}
    assert study.experiments()["tiny"] == tiny_experiment()
    assert study.folds_done("tiny") == ["0", "1", "2", "sam"]
    assert Study.open(study.folder).manifest.runs_used == LABELLED


@pytest.mark.parametrize("experiment", ["tiny", "trees"])
def test_every_labelled_run_is_predicted_once_and_no_other(
    study: Study, store_path: Path, experiment: str
) -> None:
    store = RunStore.open(store_path)
    held_out = study.out_of_fold(experiment, ["0", "1", "2"])
    labelled = np.array(store.ids)[store.labelled]
    assert sorted(held_out.run_ids) == sorted(labelled)
    assert held_out.probabilities.shape == (2, LABELLED, 10)
    assert not np.allclose(held_out.probabilities[0], held_out.probabilities[1], atol=1e-6)
    truth = study.truth()
    assert set(truth) == set(labelled)
    for position in np.flatnonzero(store.labelled):
        entry = truth[store.ids[position]]
        assert list(entry.labels) == store.labels[position].tolist()
        assert entry.instrument == store.instruments[position]


def test_fold_sam_tests_on_sam(study: Study) -> None:
    held_out = study.out_of_fold("tiny", ["sam"])
    assert len(held_out.run_ids) == SAM
    assert {study.truth()[run].instrument for run in held_out.run_ids} == {"sam_testbed"}


def test_trained_on_the_other_runs_only(
    study: Study, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trained_on = RunStore.open(store_path), spy(monkeypatch)
    again = cross_validate(store, TREES, tmp_path / "s", jobs=1, **WITH_SAM)
    labelled = set(np.flatnonzero(store.labelled).tolist())
    for positions, fold in zip(trained_on, ["0", "1", "2", "sam"], strict=True):
        held_out = {store.ids.index(run) for run in again.out_of_fold("trees", [fold]).run_ids}
        assert not held_out & set(positions)
        assert held_out | set(positions) == labelled
    assert set(store.instruments[trained_on[-1]]) == {"commercial"}
    part = {name: data for name, data in weights(study.folder).items() if "trees" in name}
    assert weights(again.folder) == part, "the same study twice differs"


def test_stored_member_gives_its_held_out_predictions(study: Study, store_path: Path) -> None:
    store = RunStore.open(store_path)
    experiment = study.experiments()["tiny"]
    held_out = study.out_of_fold("tiny", ["1"])
    positions = np.array([store.ids.index(run) for run in held_out.run_ids])
    predictor = study.predictor(experiment, "1")
    (again,) = predict_draws(
        [predictor], ResidentRuns.load(store), positions, experiment.spectrogram, 2, (5,)
    )
    np.testing.assert_allclose(again, held_out.probabilities, atol=1e-6)


def test_nothing_is_trained_twice(
    study: Study, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on = spy(monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in members(study)}
    experiments = [tiny_experiment(), TREES]
    cross_validate(store_path, experiments, study.folder, jobs=1, **WITH_SAM)
    assert {path: path.stat().st_mtime_ns for path in members(study)} == before
    assert trained_on == []


KILLED = """
import os, signal, sys
from pathlib import Path
from egams.training.network import loop
from egams.training.cross_validation import cross_validate
from test_cross_validation import SETTINGS, TREES
from training_samples import tiny_experiment

def kill(report):
    if report.job == "tiny fold 1" and report.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    experiment = tiny_experiment(epochs=4)
    cross_validate(sys.argv[1], experiment, sys.argv[2], jobs=1, report=kill, **SETTINGS)
"""


def test_one_process_at_a_time_and_what_a_killed_one_left_is_removed(
    study: Study, store_path: Path, tmp_path: Path
) -> None:
    def again() -> None:
        cross_validate(store_path, TREES, copy.folder, jobs=1, **SETTINGS)

    copy = Study(Path(shutil.copytree(study.folder, tmp_path / "copy")))
    shutil.rmtree(copy.member_folder("trees", "1"))
    half = copy.folder / "trees" / ".fold-1.7.tmp"
    half.mkdir()
    (half / "held-out.parquet").write_bytes(b"PAR1")
    with alone_in(copy.folder):
        refuse(rf"process {os.getpid()} on .* is at work on it", ArtifactError, again)
        assert half.exists(), "another process may be writing it"
    again()
    assert not half.exists()
    assert weights(copy.folder) == weights(study.folder)


def test_killed_study_goes_on_to_the_same_bytes(
    store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    path = {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)}
    arguments = [sys.executable, "-c", KILLED, str(store_path), str(killed)]
    done = subprocess.run(arguments, env=path, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    assert (killed / "tiny" / "fold-1.checkpoint").is_file()
    assert Study.open(killed).folds_done("tiny") == ["0"]

    experiment, epochs = tiny_experiment(epochs=4), []
    cross_validate(
        store_path,
        experiment,
        killed,
        jobs=1,
        report=lambda report: epochs.append((report.job, report.done)),
        **SETTINGS,
    )
    assert epochs[:2] == [("tiny fold 1", 3), ("tiny fold 1", 4)]
    assert not list(killed.rglob("*.checkpoint"))
    whole = cross_validate(store_path, experiment, tmp_path / "whole", jobs=1, **SETTINGS)
    assert weights(killed) == weights(whole.folder)


def test_in_processes_the_numbers_are_the_same_and_failures_are_told(
    study: Study, store_path: Path, tmp_path: Path
) -> None:
    reports: list[JobReport] = []
    output = tmp_path / "study"
    # In memory: workers read the copy that is made for them.
    store = RunStore.open(store_path)
    in_memory = RunStore(store.manifest, np.array(np.fromfile(store_path / "runs.bin", np.uint8)))
    with pytest.raises(EgamsError, match=r"3 of 9 trainings failed.*Run the same command") as told:
        cross_validate(
            in_memory,
            [tiny_experiment(), BROKEN, TREES],
            output,
            jobs=2,
            report=reports.append,
            **SETTINGS,
        )
    for fold in range(3):
        assert f"broken fold {fold}: " in str(told.value)
    assert "dilation" in str(told.value)
    alone = {name: data for name, data in weights(study.folder).items() if "fold-sam" not in name}
    assert weights(output) == alone
    assert {report.job for report in reports} >= {"tiny fold 0", "tiny fold 2", "trees fold 1"}
    assert (10, 10) in {(report.done, report.total) for report in reports}


def test_failing_experiment_leaves_the_others(store_path: Path, tmp_path: Path) -> None:
    with pytest.raises(EgamsError, match=r"broken fold 2: .*dilation"):
        cross_validate(store_path, [BROKEN, TREES], tmp_path, jobs=1, **SETTINGS)
    kept = Study.open(tmp_path)
    assert kept.folds_done("trees") == ["0", "1", "2"]
    assert kept.folds_done("broken") == []
    assert set(kept.experiments()) == {"trees"}


def refuse(saying: str, kind: type[EgamsError], call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=saying):
        call()


def test_study_of_something_else_is_refused(study: Study, store_path: Path) -> None:
    def again(store: Any = store_path, experiments: Any = TREES, **changes: Any) -> None:
        cross_validate(store, experiments, study.folder, jobs=1, **{**SETTINGS, **changes})

    other = prepare(labelled_runs(8, 3), jobs=1)
    refuse(r"made with data = .*choose another folder", ArtifactError, lambda: again(store=other))
    refuse("made with folds = 3; requested was folds = 4", ArtifactError, lambda: again(folds=4))
    refuse("made with seed = 5; requested was seed = 6", ArtifactError, lambda: again(seed=6))
    refuse("made with draws = 2; requested was draws = 3", ArtifactError, lambda: again(draws=3))
    longer = tiny_experiment(epochs=3)
    refuse(
        "training.epochs = 2; requested was training.epochs = 3",
        ArtifactError,
        lambda: again(experiments=longer),
    )
    assert study.folds_done("tiny") == ["0", "1", "2", "sam"]


def test_requests_that_make_no_sense_are_refused(store_path: Path, tmp_path: Path) -> None:
    def ask(store: Any = store_path, experiments: Any = TREES, **changes: Any) -> None:
        cross_validate(store, experiments, tmp_path / "s", jobs=1, **{**SETTINGS, **changes})

    name = "neighbours"
    refuse(f"Did you mean '{name}'", ConfigError, lambda: ask(experiments=f"{name}x"))
    refuse("two experiments are called 'trees'", ConfigError, lambda: ask(experiments=[TREES] * 2))
    refuse("24 labelled runs for 13 folds", ConfigError, lambda: ask(folds=13))
    refuse("fold '0' would leave 0 runs", ConfigError, lambda: ask(folds=1))
    assert not list(tmp_path.rglob(MEMBER))


def test_members_trained_on_all_runs_join_a_study_that_is_there(
    study: Study, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trained_on = RunStore.open(store_path), spy(monkeypatch)
    more = Study(Path(shutil.copytree(study.folder, tmp_path / "more")))
    cross_validate(store, TREES, more.folder, jobs=1, **WITH_WHOLE)
    assert trained_on == [np.flatnonzero(store.labelled).tolist()]
    assert more.folds_done("trees") == ["0", "1", "2", "sam", "whole"]
    before, after = weights(study.folder), weights(more.folder)
    assert after.items() >= before.items()
    assert {Path(name).parent.name for name in after.keys() - before.keys()} == {"fold-whole"}
    assert study_predictions(more).names == study_predictions(study).names


def test_store_without_sam_has_no_fold_sam(tmp_path: Path) -> None:
    store = prepare(labelled_runs(6, 4), jobs=1)
    with pytest.raises(ConfigError, match="fold 'sam' would leave 6 runs to train on and 0"):
        cross_validate(
            store, TREES, tmp_path, folds=FoldSettings(2, sam_fold=True), draws=1, jobs=1
        )


def test_store_prepared_anew_in_its_place_is_read_anew(tmp_path: Path) -> None:
    studies = []
    for seed in (8, 9):
        store = prepare(labelled_runs(6, seed), tmp_path / f"{seed}", jobs=1)
        (tmp_path / "store").unlink(missing_ok=True)
        (tmp_path / "store").symlink_to(tmp_path / f"{seed}")
        output = tmp_path / f"study{seed}"
        cross_validate(tmp_path / "store", TREES, output, folds=2, draws=1, jobs=1)
        studies.append(weights(output))
        direct = tmp_path / f"direct{seed}"
        cross_validate(store, TREES, direct, folds=2, draws=1, jobs=1)
        assert weights(direct) == studies[-1]
    assert studies[0] != studies[1]


def test_damaged_study_is_refused(study: Study, store_path: Path, tmp_path: Path) -> None:
    damaged = cross_validate(store_path, TREES, tmp_path, jobs=1, **SETTINGS)
    folder = damaged.member_folder("trees", "0")
    (folder / "held-out.parquet").write_bytes(b"PAR1 no more")
    refuse(
        "held-out.parquet: is damaged", ArtifactError, lambda: damaged.out_of_fold("trees", ["0"])
    )
    (folder / "held-out.parquet").unlink()
    refuse(
        "held-out.parquet: is missing", ArtifactError, lambda: damaged.out_of_fold("trees", ["0"])
    )
    record = json.loads((folder / MEMBER).read_text(encoding="utf-8"))
    for content, saying in (("{", "not readable as JSON"), ("[]", "list"), ("{}", "no kind")):
        (folder / MEMBER).write_text(content, encoding="utf-8")
        refuse(saying, ArtifactError, damaged.experiments)
    write_json(folder / MEMBER, sealed(record | {"experiment": {"name": "a"}}))
    refuse("does not know", ArtifactError, damaged.experiments)
    (damaged.folder / "truth.json").unlink()
    refuse("no truth.json", ArtifactError, damaged.truth)
    refuse("no manifest.json", ArtifactError, lambda: Study.open(tmp_path / "trees"))
