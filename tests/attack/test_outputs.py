"""Outputs never overwrite inputs, nor what egams did not make, nor what is no regular file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from egams.artifact import write_text
from egams.cli.main import app
from egams.errors import EgamsError
from egams.io import write_csv
from prepared_samples import simulated

THESIS = "years of work\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    write_csv(simulated(1, tiny=True), tmp_path / "runs" / "a.csv")
    return tmp_path / "runs" / "a.csv"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def predict(*words: object) -> Result:
    return invoke("predict", *words, "--draws", "1")


@pytest.mark.parametrize("option", ["-o", "--details"])
@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_an_output(option: str, force: bool, run: Path) -> None:
    before = run.read_bytes()
    Path("link.csv").symlink_to(run)
    os.link(run, "same.csv")
    for output in ("runs/a.csv", "link.csv", "same.csv", "runs/../runs/a.csv"):
        for source in ("runs/a.csv", "runs"):
            done = predict(source, option, output, *["--force"] * force)
            assert isinstance(done.exception, EgamsError), done.output
            assert "is an input" in str(done.exception)
            assert run.read_bytes() == before


@pytest.mark.parametrize("option", ["-o", "--details"])
def test_a_foreign_file_needs_force(option: str, run: Path) -> None:
    foreign = Path("thesis.csv" if option == "-o" else "thesis.json")
    foreign.write_text(THESIS)
    done = predict(run, option, foreign)
    assert isinstance(done.exception, EgamsError)
    assert "--force" in str(done.exception)
    assert foreign.read_text() == THESIS
    assert predict(run, option, foreign, "--force").exit_code == 0
    assert foreign.read_text() != THESIS
    assert predict(run, option, foreign).exit_code == 0  # its own by now


def test_labels_are_no_predictions(run: Path) -> None:
    from egams.families import FAMILIES

    labels = Path("labels.csv")
    labels.write_text(",".join(["sample_id", *FAMILIES]) + "\na" + ",1" * len(FAMILIES) + "\n")
    before = labels.read_bytes()
    assert isinstance(predict(run, "-o", labels).exception, EgamsError)
    assert labels.read_bytes() == before


def test_a_link_is_followed(run: Path) -> None:
    Path("elsewhere").mkdir()
    Path("out.csv").symlink_to("elsewhere/out.csv")
    assert predict(run, "-o", "out.csv").exit_code == 0
    assert Path("out.csv").is_symlink()
    assert Path("elsewhere/out.csv").is_file()


def test_what_is_no_regular_file_is_left_alone(run: Path) -> None:
    os.mkfifo("pipe.csv")
    Path("folder.csv").mkdir()
    Path("link.csv").symlink_to("pipe.csv")
    for output in ("pipe.csv", "folder.csv", "link.csv"):
        done = predict(run, "-o", output, "--force")
        assert isinstance(done.exception, EgamsError), done.output
    with pytest.raises(EgamsError, match="no regular file"):
        write_text(Path("pipe.csv"), "x")
    assert Path("pipe.csv").is_fifo()


def test_a_picture_replaces_pictures_of_its_own_alone(run: Path) -> None:
    Path("x.png").write_text(THESIS)
    assert isinstance(invoke("plot", run, "-o", "x.png", "--data-only").exception, EgamsError)
    assert isinstance(invoke("plot", run, "-o", run, "--data-only").exception, EgamsError)
    assert Path("x.png").read_text() == THESIS
    for name in ("x.png", "x.svg"):
        assert invoke("plot", run, "-o", name, "--data-only", "--force").exit_code == 0
        assert invoke("plot", run, "-o", name, "--data-only").exit_code == 0
