"""The pages: their code runs as it stands, and what they name exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

from command_line import ROOT
from web_samples import Served

PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', flags=re.DOTALL | re.MULTILINE)
NAME = re.compile(r"(?<!entry-points\.\")\begams(?:\.[A-Za-z_]\w*)+")
FILE = re.compile(r"`([\w.]+/[\w./-]+\.(?:py|yaml|npz|png))\b")
NUMBER = re.compile(r"(?<![A-Za-z\d.])\d+(?:\.\d+)?")  # not those of names and formulas
INLINE = re.compile(r"`(egams (?!demo|COMMAND)[^`]+ [^`]+)`")
BASH, PYTHON = ("bash", "-euc"), (sys.executable, "-c")
SIMULATED = """
egams simulate mars-spectrometry --train 24 --val 4 --sam-share 0 --folders
cp mars-spectrometry/val_features/S0024.csv my_run.csv
cp mars-spectrometry/truth/val_labels_truth.csv labels.csv
mkdir runs my_runs
cp my_run.csv runs
for number in 0 1 2; do
    cp mars-spectrometry/train_features/S000$number.csv my_runs/lab$number.csv
done
labels=mars-spectrometry/train_labels.csv
sed -n '1p; s/^S000[012],/lab&/p' $labels | sed s/labS000/lab/ > my_labels.csv
"""


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, title and text of each block of a page, from top to bottom."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
    environment["EGAMS_LIBRARY"] = str(folder / "lab.db")
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def assert_printed(shown: str, printed: str) -> None:
    """Compare what a page shows with what its command prints, but for the last digits."""
    left = [line for line in printed.splitlines() if line.strip()]
    skipping = False
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == "...":
            skipping = True
            continue
        while skipping and left and not same_but_for_last_digits(line, left[0]):
            left.pop(0)
        assert left, f"nothing printed is\n{line}"
        assert same_but_for_last_digits(line, left[0]), f"{line}\n{left[0]}"
        left.pop(0)
        skipping = False
    assert not left, left


def same_but_for_last_digits(one: str, other: str) -> bool:
    """Whether words are the same, and numbers but for two of the last digit."""
    first, second = NUMBER.findall(one), NUMBER.findall(other)
    words, others = (NUMBER.sub("#", " ".join(line.split())) for line in (one, other))
    return words == others and all(
        abs(float(a) - float(b)) < (0.025 if "." in a else 2.5)
        for a, b in zip(first, second, strict=True)
    )


def test_the_page_for_python_is_one_script(tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    code = [text for language, _, text in blocks("docs/python.md") if language == "python"]
    script.write_text("\n".join(code), encoding="utf-8")
    run([sys.executable, str(script)], tmp_path)
    assert (tmp_path / "predictions.csv").is_file()


@pytest.mark.parametrize("page", ["answer.md", "explain.md", "tutorial.md"])
def test_a_page_for_beginners_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    """But for the number of processes, each of which would load torch."""
    printed = ""
    for language, title, text in blocks(f"docs/{page}"):
        if title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language != "text":
            here = text.replace("egams cross-validate", "egams cross-validate --jobs 1")
            printed = run([*(BASH if language == "sh" else PYTHON), here], tmp_path)
        else:
            assert_printed(text, printed[printed.index(text.split()[0]) :])
    assert page == "explain.md" or (tmp_path / "predictions.csv").is_file()


def test_the_readme_shows_an_explanation_as_its_page_does() -> None:
    (short,) = (text for kind, _, text in blocks("README.md") if kind == "text" and "->" in text)
    (whole,) = (text for kind, _, text in blocks("docs/explain.md") if kind == "text")
    assert [line for line in whole.splitlines() if line in short.splitlines()] == short.splitlines()


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    """As it stands, on few runs and with brief trainings; CI runs what begins with make."""
    brief = " --folds 2 --draws 1 --epochs-share 0.01 --jobs 1"
    run([*BASH, SIMULATED], tmp_path)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = [
        line for kind, _, text in blocks("README.md") if kind == "sh" for line in text.splitlines()
    ]
    commands = [line for line in [*listed, *INLINE.findall(page)] if line.startswith("egams ")]
    assert len(commands) > 10
    for command in (" ".join(command.split()) for command in commands):
        if command.startswith("egams serve"):
            Served(tmp_path / "lab.db", *command.split()[2:]).interrupt()
            continue
        run([*BASH, command + brief * ("cross-validate" in command)], tmp_path)
    (python,) = (text for kind, _, text in blocks("README.md") if kind == "python")
    run([*PYTHON, python], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_functions_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in sorted(set(NAME.findall(text))) if not exists(name)]
    homes = (ROOT, ROOT / "src", ROOT / "src/egams")
    for file in set(FILE.findall(text)):
        missing += [] if any((home / file).exists() for home in homes) else [file]
    assert not missing


def exists(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
