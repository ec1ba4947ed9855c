"""Deep, long and huge settings, manifests and paths end in words, and soon."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from egams.cli.main import app
from egams.errors import EgamsError
from egams.experiments.zoo import experiments_named
from egams.io import open_source, write_csv
from egams.study.status import study_status
from egams.study.study import Study
from prepared_samples import simulated

SECONDS = 8
TEXTS = {
    "deep, in brackets": "[" * 2000 + "]" * 2000,
    "deep, in braces": '{"a":' * 2000 + "1" + "}" * 2000,
    "deep, by indentation": "\n".join(" " * depth + "a:" for depth in range(2000)),
    "deep, in dashes": "- " * 2000 + "a",
    "20,000 keys": "\n".join(f"key{number}: 1" for number in range(20_000)),
    "20,000 keys in braces": json.dumps({f"key{number}": 1 for number in range(20_000)}),
    "a number of 5,000 digits": "name: " + "9" * 5000,
    "a key of 5,000 digits": "9" * 5000 + ": 1",
    "aliases": "a: &a [1]\n" + "\n".join(f"b{k}: &b{k} [*a, *a]" for k in range(100)),
    "a list": "[1, 2]",
    "a list for an object": '{"experiments": [1]}',
    "nothing": "",
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_experiments(kind: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"mine{suffix}"
    file.write_text(TEXTS[kind])
    began = time.monotonic()
    with pytest.raises(EgamsError, match=file.name):
        experiments_named([str(file)])
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", TEXTS)
def test_columns(kind: str, tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "a.csv")
    file = tmp_path / "egams-columns.yaml"
    file.write_text(TEXTS[kind])
    began = time.monotonic()
    try:
        open_source(tmp_path).load("a")
    except EgamsError as error:
        assert file.name in str(error)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", TEXTS)
def test_settings(kind: str) -> None:
    began = time.monotonic()
    done = CliRunner().invoke(
        app, ["cross-validate", "x", "-o", "y", "--set", f"training={TEXTS[kind]}"]
    )
    assert isinstance(done.exception, EgamsError)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "{}.csv"],
        ["prepare", "{}", "-o", "x"],
        ["prepare", "runs", "-o", "{}"],
        ["predict", "runs", "-o", "{}.csv"],
        ["predict", "runs", "--bundle", "{}"],
        ["study", "status", "{}"],
        ["evaluate", "{}", "{}"],
        ["predict", "runs", "--columns", "{}.yaml"],
        ["predict", "runs", "--temperature", "{}.txt"],
        ["predict", "runs", "--metadata", "{}"],
        ["bundle", "{}", "-o", "x"],
        ["cross-validate", "{}", "-o", "x"],
        ["verify", "{}"],
    ],
)
@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3000])
def test_paths(
    words: list[str], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    write_csv(simulated(1, tiny=True), tmp_path / "runs" / "a.csv")
    done = CliRunner().invoke(app, [word.format(path) for word in words])
    assert isinstance(done.exception, EgamsError | OSError), done.exception
    assert done.exit_code in {1, 2}


@pytest.mark.parametrize("name", ["plan.json", "manifest.json", "folds.json", "truth.json"])
@pytest.mark.parametrize(
    "text", ["[]", "{}", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "null", "1"]
)
def test_the_status_of_a_study(name: str, text: str, tmp_path: Path) -> None:
    from ensemble_samples import made_up, study_of

    study = study_of(made_up(0, runs=8), tmp_path / "study")
    (study.folder / name).write_text(text)
    try:
        study_status(Study.open(study.folder), time.time())
    except EgamsError as error:
        assert name in str(error)
