"""Trackers: what each training tells them, and that what is installed keeps it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from egams.cli.main import app
from egams.errors import ConfigError, EgamsError
from egams.logloss import mean_log_loss
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.study import Study
from egams.training.compute import Compute
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, tiny_experiment

SETTINGS: dict[str, Any] = {"folds": 2, "draws": 2, "seed": 5, "jobs": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trackers") / "runs.store"
    prepare(labelled_runs(12, 0), path, jobs=1)
    return path


class Kept:
    """Keeps all it is told, a training each."""

    def __init__(self, all_of_them: list[Kept]) -> None:
        self.steps: dict[int, dict[str, float]] = {}
        self.ends: list[Any] = []
        all_of_them.append(self)

    def start(self, name, settings):
        self.name, self.settings = name, settings

    def log(self, step, values):
        self.steps[step] = dict(values)

    def end(self, scores):
        self.ends.append(scores)


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_a_tracker_is_told_of_each_training(executor: str, store: Path, tmp_path: Path) -> None:
    kept: list[Kept] = []
    broken = tiny_experiment("broken").with_settings({"model.dilations": [0]})
    with pytest.raises(EgamsError, match="2 of 4 trainings failed"):
        cross_validate(
            RunStore.open(store),
            [tiny_experiment(), broken],
            tmp_path / "study",
            **SETTINGS,
            compute=Compute(executor),
            tracker=lambda: Kept(kept),
        )
    study = Study.open(tmp_path / "study")
    truth = study.truth()
    told = {each.name: each for each in kept}
    assert set(told) == {f"{name}/fold-{fold}" for name in ("tiny", "broken") for fold in (0, 1)}
    for fold in ("0", "1"):
        assert told[f"broken/fold-{fold}"].ends == [None]
        tiny = told[f"tiny/fold-{fold}"]
        assert tiny.settings["training.epochs"] == 2
        assert tiny.settings["fold"] == fold
        logged = study.epochs("tiny", fold)
        assert list(tiny.steps) == [1, 2]
        for epoch in logged:
            assert tiny.steps[epoch.epoch] == pytest.approx(epoch.measured(), rel=1e-4)
        held_out = study.out_of_fold("tiny", [fold])
        labels = [truth[run].labels for run in held_out.run_ids]
        (scores,) = tiny.ends
        expected = mean_log_loss(labels, held_out.probabilities.mean(0))
        assert scores == {"log_loss": pytest.approx(expected)}


def trained(tracker: str, store: Path, folder: Path) -> Study:
    mine = folder / "mine.json"
    mine.write_text(tiny_experiment().model_dump_json(), encoding="utf-8")
    asked = ["cross-validate", str(store), "-o", str(folder / "study"), "--experiment", str(mine)]
    asked += ["--folds", "2", "--draws", "2", "--jobs", "1", "--tracker", tracker]
    CliRunner().invoke(app, asked, catch_exceptions=False)
    return Study.open(folder / "study")


def test_tensorboard_has_every_epoch(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    study = trained("tensorboard", store, tmp_path)
    events = EventAccumulator(str(study.folder / "tensorboard" / "tiny" / "fold-0")).Reload()
    for name in ("training_loss", "held_out_log_loss", "learning_rate", "seconds"):
        found = {event.step: event.value for event in events.Scalars(name)}
        logged = {each.epoch: each.measured()[name] for each in study.epochs("tiny", "0")}
        assert found == pytest.approx(logged, rel=1e-4)
    assert [event.step for event in events.Scalars("log_loss")] == [2]


def test_mlflow_has_every_epoch(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    study = trained("mlflow", store, tmp_path)
    client = mlflow.MlflowClient()
    (run, _) = sorted(
        client.search_runs([client.get_experiment_by_name("study").experiment_id]),
        key=lambda run: run.info.run_name,
    )
    assert (run.info.run_name, run.info.status) == ("tiny/fold-0", "FINISHED")
    assert run.data.params["training.epochs"] == "2"
    history = client.get_metric_history(run.info.run_id, "training_loss")
    logged = {each.epoch: each.training_loss for each in study.epochs("tiny", "0")}
    assert {each.step: each.value for each in history} == pytest.approx(logged, rel=1e-4)
    assert run.data.metrics["log_loss"] > 0


def test_trackers_that_are_not_there_are_refused_before_anything_is_trained(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for name, problem in (
        ("mlflow", r'not installed. Install it: pip install "egams\[mlflow\]"'),
        ("wandb", "no tracker 'wandb'; expected tensorboard or mlflow"),
    ):
        with pytest.raises(ConfigError, match=problem):
            cross_validate(store, tiny_experiment(), tmp_path / "s", **SETTINGS, tracker=name)
    assert not (tmp_path / "s").exists()
