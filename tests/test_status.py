"""`egams study status`: what a look from outside says of every training."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from egams.artifact import write_json
from egams.cli.show import console
from egams.cli.show_status import status_view
from egams.errors import EgamsError
from egams.experiments.experiment import Experiment
from egams.jobs.contract import JobReport, JobState
from egams.logloss import mean_log_loss
from egams.models.conv1d import Conv1dConfig
from egams.store.prepare import prepare
from egams.study.gather import study_predictions
from egams.study.progress import Plan, Progress, ProgressWriter
from egams.study.records import MemberRecord
from egams.study.status import TrainingStatus, study_status
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, tiny_experiment

NOW = 1_800_000_000.0
BROKEN = Experiment(name="broken", model=Conv1dConfig(width=8, dilations=(0,)))
SETTINGS: dict[str, Any] = {"folds": 2, "draws": 2, "seed": 5, "jobs": 1}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two finished folds, and two that failed."""
    folder = tmp_path_factory.mktemp("status")
    store = prepare(labelled_runs(12, 0), jobs=1)
    with pytest.raises(EgamsError, match="2 of 4 trainings failed"):
        cross_validate(store, [tiny_experiment(), BROKEN], folder / "study", **SETTINGS)
    return Study.open(folder / "study")


def by_member(study: Study) -> dict[tuple[str, str], TrainingStatus]:
    return {(each.experiment, each.fold): each for each in study_status(study, NOW).trainings}


def test_finished_and_failed_with_reason_and_the_score_so_far(study: Study) -> None:
    status = study_status(study)
    states = {(each.experiment, each.fold): each.state for each in status.trainings}
    assert states == {
        ("tiny", "0"): "finished",
        ("tiny", "1"): "finished",
        ("broken", "0"): "failed",
        ("broken", "1"): "failed",
    }
    for each in status.trainings:
        assert ("dilation" in each.reason) == (each.experiment == "broken")
    scored = study_predictions(study)
    expected = mean_log_loss(scored.labels, scored.mean_over_draws[0])
    assert status.log_loss == {"tiny": pytest.approx(expected)}
    assert (status.seconds_left, status.unmeasured) == (None, 0)
    assert not status.all_finished
    assert not study.progress_file("tiny", "0").exists()


def test_every_state_and_the_time_left(study: Study) -> None:
    members = [("tiny", "0"), ("tiny", "1"), ("broken", "0"), ("broken", "1")]
    slow = [("slow", str(fold)) for fold in range(5)]
    plan = Plan((*members, *slow, ("new", "0")), 2)
    plan.write(study)
    assert Plan.read(study) == plan
    told = {
        "0": Progress("running", 4, 10, 0.5, 3.0, NOW - 9),
        "1": Progress("running", 4, 10, 0.5, 3.0, NOW - 61),
        "2": Progress("running", 4, 10, 0.5, 100.0, NOW - 290),
        "3": Progress("stopped", 9, 10, 0.5, 3.0, NOW - 5000, "stopped after 9 of 10 epochs"),
    }
    for fold, progress in told.items():
        write_json(study.progress_file("slow", fold), asdict(progress))
    found = by_member(study)
    states = [found["slow", str(fold)].state for fold in range(5)]
    assert states == ["running", "silent", "running", "stopped", "waiting"]
    assert found["new", "0"].state == "waiting"
    status = study_status(study, NOW)
    # Epochs left of those begun; a whole training, as the four measured ones go, for the other.
    each = [6 * 3, 6 * 3, 6 * 100, 1 * 3, (30 + 30 + 1000 + 30) / 4]
    assert status.seconds_left == pytest.approx(max(sum(each) / 2, *each))
    assert status.unmeasured == 1

    shown = console()
    shown.width = 160
    with shown.capture() as captured:
        shown.print(status_view(status, NOW))
    said = captured.get()
    assert "silent since" in said
    assert "stopped after 9 of 10 epochs" in said
    assert "4 of 10" in said
    assert "10 trainings: 2 running, 1 silent, 2 failed, 1 stopped, 2 waiting, 2 finished" in said
    assert "about 10 min 00 s left; more for 1 of which no epoch is measured yet" in said

    study.progress_file("slow", "0").write_text("{")
    assert by_member(study)["slow", "0"].state == "waiting"
    for fold in told:
        study.progress_file("slow", fold).unlink()


def test_files_follow_a_training_to_its_end(tmp_path: Path) -> None:
    study, member = Study(tmp_path), ("tiny", "0")
    writer = ProgressWriter(study, {"job": member})
    writer.change(JobState("job", "running"))
    assert read(study).state == "running"
    writer.report(JobReport("job", 3, 9, math.nan))
    writer.report(JobReport("job", 4, 9, 0.5))
    writer.change(JobState("job", "stopped", "stopped after 4"))
    known = read(study)
    assert (known.state, known.done, known.total, known.loss) == ("stopped", 4, 9, 0.5)
    assert known.seconds_each is not None
    writer.change(JobState("job", "running", "second try: it died"))
    assert (read(study).state, read(study).reason) == ("running", "second try: it died")
    # A process that was killed: the next one says so.
    ProgressWriter(study, {"job": member})
    assert (read(study).state, read(study).reason) == ("stopped", "its process ended")
    writer.change(JobState("job", "failed", "no"))
    assert (read(study).state, read(study).done) == ("failed", 4)
    writer.change(JobState("job", "finished"))
    assert Progress.read(study, member) is None


def read(study: Study) -> Progress:
    known = Progress.read(study, ("tiny", "0"))
    assert known is not None
    return known


def test_time_of_a_training_that_was_resumed_counts_whole(study: Study) -> None:
    folder = study.member_folder("tiny", "0")
    record = MemberRecord.load(folder)
    assert record.share_timed == 1
    record.model_copy(update={"share_timed": 0.5, "seconds": 7.0}).save(folder)
    assert by_member(study)["tiny", "0"].seconds == pytest.approx(14.0)
    record.save(folder)
