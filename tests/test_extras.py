"""The small install: what it answers with, and what it says where an extra is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LEARNS = (
    "torch",
    "timm",
    "lightgbm",
    "catboost",
    "sklearn",
    "pandas",
    "ray",
    "onnx",
    "fsspec",
    "plotly",
    "fastapi",
    "uvicorn",
    "platformdirs",
)

WITHOUT = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {LEARNS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from egams.cli.main import main
main()
"""
"""The command line, as if nothing of `LEARNS` were installed."""

LOADED = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *(set(sys.modules) & {{*{LEARNS!r}}})))
from egams.cli.main import main
main()
"""


def command_line(
    program: str, *arguments: object, folder: Path
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    done = command_line(
        WITHOUT, *["simulate", "runs", "--train", "4", "--val", "0", "--test", "0"], folder=folder
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_small_install_answers(runs: Path) -> None:
    for words in (
        "prepare runs --split train -o train.store --jobs 1",
        "predict runs --split train -o answers.csv --details answers.json --draws 2 --jobs 1",
        "predict runs --split train -o shards --runs-per-shard 3 --draws 2 --executor local",
        "evaluate answers.csv runs/train_labels.csv",
        "peaks runs --split train -o peaks.csv",
        "explain runs --run S0000 --draws 2 -o why.json",
        "plot runs --run S0000 --no-evidence -o run.png",
        "report runs --split train --no-evidence --jobs 1 -o report.html",
    ):
        done = command_line(WITHOUT, *words.split(), folder=runs)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    assert (runs / "run.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("demo again", "train"),
        ("zoo", "train"),
        ("cross-validate runs --experiment compact -o study", "train"),
        ("export study runs --onnx student", "train"),
        ("predict runs --split train --device cuda", "train"),
        ("report runs --interactive -o report.html", "interactive"),
        ("serve --library lab.db --no-browser", "web"),
        ("serve --no-browser", "web"),
    ],
)
def test_what_needs_more_names_the_extra(runs: Path, words: str, extra: str) -> None:
    done = command_line(WITHOUT, *words.split(), folder=runs)
    assert done.returncode == 2
    assert f'pip install "egams[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_loads_nothing_that_it_does_not_need(runs: Path) -> None:
    done = command_line(LOADED, "predict", "runs", "--split", "train", "--jobs", 1, folder=runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"
