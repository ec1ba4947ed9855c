"""The whole way through the installed command: from CSVs to tables and scored predictions."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from typer.testing import CliRunner

import egams as library
from command_line import egams, readme_commands
from egams.cli import demo_steps
from egams.cli.demo_steps import demo_experiments, run_demo
from egams.cli.main import app
from egams.ensemble.ensemble import nested_ensemble
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.evaluate.study_report import PAGE, SECTIONS
from egams.experiments.measured import measured
from egams.experiments.zoo import built_in
from egams.io.run_rows import read_labels, read_submission
from egams.logloss import mean_log_loss
from egams.models.predict import predict_draws
from egams.spectrogram.resident import ResidentRuns
from egams.store.run_store import RunStore
from egams.study.gather import study_predictions
from egams.study.study import Study

TINY = [
    {
        "name": "tiny-conv",
        "model": {"kind": "conv1d", "width": 8, "dilations": [1]},
        "training": {"epochs": 2, "learning_rate": 0.01},
    },
    {"name": "tiny-trees", "model": {"kind": "lightgbm", "trees": 8, "renders": 1}},
]
COVERED = {
    *("simulate", "prepare", "cross-validate", "study", "bundle", "predict", "evaluate"),
    *("peaks", "plot", "report", "zoo", "demo", "compare", "export"),
    "teach",  # in test_teach.py
    "serve",  # in test_web.py
    *("library", "verify"),  # in test_library.py
}
"""Commands that a test here runs, or one of a file of their own."""


def experiment_options(folder: Path) -> list[str]:
    options = []
    for settings in TINY:
        path = folder / f"{settings['name']}.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        options += ["--experiment", str(path)]
    return options


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("journey")


@pytest.fixture(scope="module")
def challenge(place) -> Path:
    sizes = ("--train", 24, "--val", 5, "--test", 0)
    sam = ("--sam-share", 0.25, "--sam-sweeps", 20)
    egams("simulate", place / "challenge", *sizes, *sam, "--seed", 3)
    return place / "challenge"


@pytest.fixture(scope="module")
def study(place, challenge) -> Path:
    said = egams("prepare", challenge, "--split", "train", "-o", place / "train.store", "--verify")
    assert "24 runs used" in said.stdout
    assert "24 of them labelled" in said.stdout
    size = ("--folds", 2, "--sam-fold", "--whole", "--draws", 2, "--jobs", 1)
    said = egams(
        *("cross-validate", place / "train.store", "-o", place / "study"),
        *(*experiment_options(place), *size),
    )
    assert "tiny-conv: log loss 0." in said.stdout
    return place / "study"


@pytest.fixture(scope="module")
def bundle(place, study) -> Path:
    said = egams("bundle", study, "-o", place / "families.bundle").stdout
    assert "clip of sam_testbed" in said
    assert "weight " in said
    assert "fitted on other folds" in said
    return place / "families.bundle"


def test_tables_say_how_they_were_made_in_both_formats(place, study):
    import pyarrow.parquet as pq

    egams("study", "report", study, "-o", place / "tables", "--ensemble", 1)
    written = {path.name for path in (place / "tables").iterdir()}
    tables = {f"{name}.{end}" for name in SECTIONS for end in ("md", "parquet")}
    assert written == {PAGE, "learning-curves.png", *tables}
    assert "](learning-curves.png)" in (place / "tables" / PAGE).read_text(encoding="utf-8")
    sam = (place / "tables" / "sam-fold.md").read_text(encoding="utf-8")
    assert "trained on commercial runs alone" in sam
    sizes = pq.read_table(place / "tables" / "ensemble-size.parquet")
    assert sizes["model added"].to_pylist()[0] in {"tiny-conv", "tiny-trees"}
    assert json.loads(sizes.schema.metadata[b"study"])["folds"] == 2


def test_networks_leave_a_log_of_their_epochs_and_nothing_else_does(place, study):
    (kept,) = study.glob("tiny-conv/fold-0/epochs.csv")
    names, *epochs = rows(kept)
    assert names == ["epoch", "training_loss", "held_out_log_loss", "learning_rate", "seconds"]
    assert [row[0] for row in epochs] == ["1", "2"]
    opened, store = Study.open(study), RunStore.open(place / "train.store")
    experiment, held = opened.experiments()["tiny-conv"], opened.out_of_fold("tiny-conv", ["0"])
    positions = np.array([store.ids.index(run) for run in held.run_ids])
    of_study, runs = opened.predictor(experiment, "0"), ResidentRuns.load(store)
    ((drawn,),) = predict_draws([of_study], runs, positions, experiment.spectrogram, 1, (0,))
    expected = mean_log_loss(runs.labels[positions], drawn)
    assert float(epochs[-1][2]) == pytest.approx(expected, abs=1e-5), "by the weights kept at last"
    whole = rows(study / "tiny-conv" / "fold-whole" / "epochs.csv")
    assert [row[2] for row in whole[1:]] == ["", ""]
    assert {path.parts[-3] for path in study.rglob("epochs.csv")} == {"tiny-conv"}


def test_predictions_have_the_layout_of_the_challenge_and_are_scored(place, challenge, bundle):
    output, truth = place / "predictions.csv", challenge / "truth" / "val_labels_truth.csv"
    said = egams(*predict(bundle), challenge, "--split", "val", "-o", output).stdout
    assert "5 runs used (5 commercial), 0 skipped" in said
    assert rows(output)[0] == rows(challenge / "submission_format.csv")[0]
    assert column(output) == column(challenge / "submission_format.csv")

    said = egams("evaluate", output, truth, "--metadata", challenge / "metadata.csv").stdout
    score = mean_log_loss(read_labels(truth)[1], read_submission(output)[1])
    assert f"{score:.4f}" in next(line for line in said.splitlines() if "all runs" in line)


def test_one_csv_gives_the_same_from_the_command_line_and_from_python(place, challenge, bundle):
    with zipfile.ZipFile(challenge / "val_features.zip") as archive:
        member = archive.namelist()[0]
        archive.extract(member, place)
    run_csv, output = place / member, place / "one.csv"
    details = place / "one.json"
    said = egams(*predict(bundle), run_csv, "-o", output, "--details", details).stdout
    assert "note on 1 run: instrument inferred from the data: commercial" in said

    (run,) = library.read(run_csv)
    predictions = library.load_bundle(bundle).predict(run)
    run_ids, probabilities = read_submission(output)
    assert run_ids == predictions.run_ids == (run_csv.stem,)
    np.testing.assert_array_equal(probabilities, predictions.probabilities)
    assert json.loads(details.read_text(encoding="utf-8")) == predictions.details()
    assert {str(state) for state in predictions[0].calls} <= set(said.split())
    for reason in predictions[0].flags:
        assert reason in said

    picture = place / "run.png"
    here("plot", run_csv, "-o", picture, "--bundle", bundle)
    assert picture.read_bytes().startswith(b"\x89PNG")

    here("report", run_csv, "-o", place / "report.html", "--no-evidence", "--bundle", bundle)
    assert "<svg" in (place / "report.html").read_text(encoding="utf-8")

    said = here("peaks", run_csv, "-o", place / "peaks.csv", "--mz", "18,44-45")
    with (place / "peaks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = library.peaks(run, [18, 44, 45])
    assert [float(row["maximum_degC"]) for row in rows] == pytest.approx(
        [peak.maximum_degC for peak in expected], rel=1e-3
    )
    assert all(f"{peak.maximum_degC:.0f}" in said for peak in expected)


def test_the_bundle_says_what_it_is(bundle, study):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"] in card
    assert "24 labelled runs" in card
    for heading in ("# Model card", "## Intended use", "## Limits", "## Scores"):
        assert heading in card
    for member in manifest["members"]:
        assert member["folds"] == ["whole"]
        assert member["experiment"]["name"] in card


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_out_of_fold_predictions_come_as_one_tidy_table(place, study, suffix):
    path = place / f"oof.{suffix}"
    done = CliRunner().invoke(app, ["study", "oof", str(study), "-o", str(path)])
    assert "2 experiments and the ensemble on 24 runs" in done.stdout
    table = parquet.read_table(path) if suffix == "parquet" else arrow_csv.read_csv(path)
    found = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    scored = study_predictions(Study.open(study))
    expected = dict(zip(scored.names, scored.mean_over_draws, strict=True))
    expected["ensemble"] = nested_ensemble(scored).probabilities
    assert list(dict.fromkeys(found["experiment"])) == list(expected)
    for name, probabilities in expected.items():
        here = {key: values[found["experiment"] == name] for key, values in found.items()}
        assert here["sample_id"].tolist() == np.repeat(scored.run_ids, 10).tolist()
        assert here["family"].tolist() == [*library.FAMILIES] * 24
        np.testing.assert_array_equal(here["probability"].reshape(24, 10), probabilities)
        np.testing.assert_array_equal(here["label"].reshape(24, 10), scored.labels)
        np.testing.assert_array_equal(here["fold"][::10], scored.folds)
        np.testing.assert_array_equal(here["instrument"][::10], scored.instruments)
    refused = CliRunner().invoke(app, ["study", "oof", str(study), "-o", str(place / "oof.xlsx")])
    assert isinstance(refused.exception, ConfigError)


def test_two_experiments_are_compared(study):
    done = CliRunner().invoke(app, ["compare", str(study), "tiny-trees", "tiny-conv"])
    assert done.exit_code == 0
    assert "all runs" in done.stdout
    assert "commercial" in done.stdout
    refused = CliRunner().invoke(app, ["compare", str(study), "tiny-trees", "nobody"])
    assert isinstance(refused.exception, EgamsError)
    assert "nobody" in str(refused.exception)


def test_a_student_goes_on_board(place, study):
    path = place / "evident.json"
    trees = {"kind": "lightgbm", "trees": 4, "renders": 1}
    path.write_text(json.dumps({"name": "evident", "model": trees, "evidence": True}))
    size = ("--folds", "2", "--draws", "1", "--jobs", "1")
    arguments = ["cross-validate", str(place / "train.store"), "--experiment", str(path), *size]
    assert CliRunner().invoke(app, [*arguments, "-o", str(place / "evident")]).exit_code == 0
    asked = ["export", str(place / "evident"), str(place / "train.store")]
    done = CliRunner().invoke(app, [*asked, "--onnx", str(place / "student")])
    assert done.exit_code == 0
    assert "log loss out of fold" in done.stdout
    made = {path.name for path in (place / "student").iterdir()}
    assert made == {"student.onnx", "student-int8.onnx", "card.json", "vectors"}


def test_grouped_folds_keep_to_their_groups(place, study):
    trees = (*experiment_options(place)[-2:], "--folds", "2", "--draws", "1", "--jobs", "1")
    arguments = ["cross-validate", str(place / "train.store"), *trees, "--grouped"]
    done = CliRunner().invoke(app, [*arguments, "-o", str(place / "grouped")])
    assert done.exit_code == 0
    kept = json.loads((place / "grouped" / "folds.json").read_text(encoding="utf-8"))
    groups = {}
    for run, group in kept["group"].items():
        groups.setdefault(group, set()).add(kept["fold"][run])
    assert all(len(folds) == 1 for folds in groups.values())


def test_a_run_that_cannot_be_used_is_named_with_the_reason(place, challenge, bundle):
    with zipfile.ZipFile(challenge / "val_features.zip") as archive:
        archive.extractall(place / "mixed", archive.namelist()[:2])
    runs = place / "mixed" / "val_features"
    (runs / "broken.csv").write_text("time,temp,m/z,abundance\n0,hot,18,1\n", encoding="utf-8")
    done = egams(*predict(bundle), runs, ok=False)
    assert done.returncode == 3
    said = done.stdout
    assert "2 runs used (2 commercial), 1 skipped" in said
    assert "skipped broken:" in said
    assert "column 'temp'" in said
    refused = egams("prepare", runs, "--strict", "-o", place / "mixed.store", ok=False)
    assert refused.returncode == 2
    assert "column 'temp'" in refused.stderr


def test_the_same_seed_gives_the_same_study_and_another_study_is_not_overwritten(place, study):
    trees = (*experiment_options(place)[-2:], "--folds", "2", "--draws", "2", "--jobs", "1")
    arguments = ["cross-validate", str(place / "train.store"), *trees]
    again = CliRunner().invoke(app, [*arguments, "-o", str(place / "again")])
    assert again.exit_code == 0
    held_out = "tiny-trees/fold-0/held-out.parquet"
    assert (place / "again" / held_out).read_bytes() == (study / held_out).read_bytes()

    other = CliRunner().invoke(app, [*arguments, "-o", str(study), "--seed", "1"])
    assert isinstance(other.exception, ArtifactError)
    assert "made with seed = 0; requested was seed = 1" in str(other.exception)


def test_settings_are_changed_on_the_command_line(place, study):
    trees = (*experiment_options(place)[-2:], "--folds", "2", "--draws", "2", "--jobs", "1")
    arguments = ["cross-validate", str(place / "train.store"), *trees, "-o", str(place / "set")]
    changes = ["--set", "name=few-trees", "--set", "model.trees=2"]
    assert CliRunner().invoke(app, [*arguments, *changes]).exit_code == 0
    record = json.loads((place / "set" / "few-trees" / "fold-0" / "member.json").read_text())
    assert record["experiment"]["model"]["trees"] == 2
    for change, problem in {
        "model.trees=3": "was trained with model.trees = 2; requested was model.trees = 3",
        "model.tree=3": "Did you mean 'model.trees'?",
    }.items():
        refused = CliRunner().invoke(app, [*arguments, *changes, "--set", change])
        assert isinstance(refused.exception, EgamsError)
        assert problem in str(refused.exception)


def test_built_in_experiments_are_listed():
    said = CliRunner().invoke(app, ["zoo"]).stdout
    assert set(built_in().experiments) <= set(said.split())
    some = CliRunner().invoke(app, ["zoo", "compact", "13?_*"]).stdout
    listed = [*built_in().members("compact"), "130_gru", "131_gru_mix0.25", "132_gru_sbg5"]
    assert [line.split()[0] for line in some.splitlines()[1 : len(listed) + 1]] == listed
    assert {experiment.name for experiment in demo_experiments()} <= set(listed)


def test_the_zoo_shows_scores_and_minutes_where_they_are_known(study):
    said = CliRunner().invoke(app, ["zoo", "lightgbm", "160_cls3_resnet34", "130_gru"]).stdout
    trees, resnet, gru = (line.split() for line in said.splitlines()[1:4])
    assert trees[-3:] == ["0.1386", "2.1", "n/a"]
    assert resnet[-3:] == ["0.1270", "12", "0.1456"]
    assert gru[-3:-1] == ["n/a", "n/a"]
    assert "160_cls3_resnet34: 1,056 runs in 4 folds, one core with 50% of the epochs" in said
    assert set(measured()) <= set(built_in().experiments)
    own = CliRunner().invoke(app, ["zoo", "--study", str(study)]).stdout
    scored = study_predictions(Study.open(study))
    for line, name, mean in zip(
        own.splitlines()[1:3], scored.names, scored.mean_over_draws, strict=True
    ):
        assert line.split()[0] == name
        assert line.split()[-3] == f"{mean_log_loss(scored.labels, mean):.4f}"
    assert "24 runs in 2 folds" in own


def test_the_demo_goes_to_its_end_on_fewer_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo_steps, "TRAIN_RUNS", 24)
    monkeypatch.setattr(demo_steps, "UNSEEN_RUNS", 4)
    monkeypatch.setattr(demo_steps, "SHARES", dict.fromkeys(demo_steps.SHARES, 0.01))
    demo_steps.run_demo(tmp_path / "demo", jobs=1)
    assert {path.name for path in (tmp_path / "demo").iterdir()} >= {"scores.md", "run.png"}
    said = capsys.readouterr().out.replace("\n", "")  # a narrow terminal breaks lines
    assert f"egams serve {tmp_path}/demo/challenge/test_features.zip --library" in said
    assert (tmp_path / "demo/challenge/test_features.zip").is_file()


def test_the_demo_takes_no_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds something else"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_journey_covers_every_command_of_the_readme():
    named = {words[1] for words in readme_commands() if words[0] == "egams" and len(words) > 1}
    assert {name for name in named if not name.startswith("-")} <= COVERED


@pytest.mark.real
def test_real_runs_go_the_whole_way(place, real_data):
    mini = real_data / "drivendata-mini"
    store, study, bundle = place / "real.store", place / "real-study", place / "real.bundle"
    said = egams("prepare", mini, "--split", "train", "--verify", "-o", store).stdout
    assert "42 runs used (36 commercial, 6 sam_testbed), 0 skipped" in said
    options = (*experiment_options(place), "--folds", 2, "--draws", 2, "--jobs", 1)
    egams("cross-validate", store, "-o", study, *options)
    egams("bundle", study, "-o", bundle)
    predicted = set()
    for split in ("val", "test"):
        output = place / f"real-{split}.csv"
        egams(*predict(bundle), mini, "--split", split, "--draws", 2, "-o", output)
        assert rows(output)[0] == rows(mini / "submission_format.csv")[0]
        predicted |= set(column(output))
    assert predicted == set(column(mini / "submission_format.csv"))


def here(*words: object) -> str:
    """Run a command in this process and return what it said."""
    return CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False).stdout


def predict(bundle: Path) -> tuple[object, ...]:
    return "predict", "--bundle", bundle


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def column(path: Path) -> list[str]:
    return [row[0] for row in rows(path)[1:]]
