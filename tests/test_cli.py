"""The command line: quick to start, plain about errors, and as the README says it is."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.main

from command_line import EGAMS, ROOT, egams, readme_commands
from egams.cli.main import app
from egams.cli.show import console, gathered, prediction_table
from egams.ensemble.predictions import Predictions, RunPrediction
from egams.families import FAMILIES
from egams.kernel import kernels

GROUP = typer.main.get_command(app)


def commands_of(group, *before):
    """Every command by the words that call it, those of groups after the group itself."""
    for name, command in group.commands.items():
        yield (*before, name), command
        yield from commands_of(command, *before, name) if hasattr(command, "commands") else ()


COMMANDS = dict(sorted(commands_of(GROUP)))
NAMED = ["bundle", "compare", "cross-validate", "demo", "evaluate", "explain", "export"]
NAMED += ["inspect", "library", "library backup", "library export", "library labels"]
NAMED += ["library list", "peaks", "plot", "predict", "prepare", "report", "serve", "simulate"]
NAMED += ["study", "study add", "study keep", "study oof", "study report", "study status"]
NAMED += ["teach", "verify", "zoo"]
HEAVY = {"torch", "pyarrow", "scipy", "matplotlib", "numpy", "rich", "lightgbm", "timm"}
HEAVY |= {"ray", "fsspec"}


@pytest.mark.parametrize("arguments", [["--help"], *([*words, "--help"] for words in COMMANDS)])
def test_help_loads_nothing_that_it_does_not_need(arguments):
    code = (
        "import sys; from egams.cli.main import main; sys.argv = ['egams', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: print('loaded', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", code, *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Usage: egams" in said
    assert not HEAVY & set(said.splitlines()[-1].split())


def test_every_command_and_option_has_a_help_text():
    assert [" ".join(words) for words in COMMANDS] == NAMED
    for name, command in COMMANDS.items():
        assert command.help, name
        assert [p.name for p in command.params if not getattr(p, "help", None)] == [], name


def test_an_error_is_one_message_and_no_traceback(tmp_path):
    failed = egams("prepare", tmp_path / "nothing", "-o", tmp_path / "s.store", ok=False)
    assert failed.returncode == 2
    assert failed.stderr.strip() == (
        f"egams: {tmp_path / 'nothing'}: there is no such file or folder."
    )
    assert failed.stdout == ""
    debugged = egams("prepare", tmp_path / "nothing", "-o", tmp_path / "s", "--debug", ok=False)
    assert debugged.returncode != 0
    assert "Traceback" in debugged.stderr
    assert "InputError" in debugged.stderr


def test_a_folder_that_cannot_be_written_is_one_message_too(tmp_path):
    (tmp_path / "file").write_text("here already")
    failed = egams("simulate", tmp_path / "file" / "folder", "--train", 1, ok=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    assert str(tmp_path / "file") in failed.stderr


def test_the_version_is_the_package_s():
    import egams as package

    assert egams("--version").stdout == f"egams {package.__version__}\n"
    for arguments in (("--version", "--verbose"), ("--verbose", "--version")):
        version, kernel, python, numpy, torch = egams(*arguments).stdout.splitlines()
        assert version == f"egams {package.__version__}"
        assert kernel == f"kernel {kernels()[0]}, of {', '.join(kernels())}"
        assert python.startswith(f"python {platform.python_version()}")
        assert (numpy[:6], torch[:6]) == ("numpy ", "torch ")


def test_interrupt_ends_quietly_and_leaves_no_half_a_data_set(tmp_path):
    def as_in_a_terminal() -> None:
        # A shell in the background starts its children deaf to interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    folder = tmp_path / "many"
    with subprocess.Popen(
        [EGAMS, "simulate", folder, "--train", "100000"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_in_a_terminal,  # noqa: PLW1509 - no threads here
    ) as process:
        while not list(folder.glob(".train_features.zip*")):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.rstrip().endswith("egams: interrupted; give the same command again to go on")
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_how_far_models_differ_is_no_interval_about_the_probability():
    """``100 % ± 38`` reads as 62 to 138 %."""
    sure, far, near = (np.full(len(FAMILIES), each) for each in (1.0, 0.38, 0.02))
    calls, seen = np.full(len(FAMILIES), "present"), np.full(len(FAMILIES), "")
    run = RunPrediction("S1", "commercial", sure, far, near, calls, seen)
    screen = console(width=80)
    with screen.capture() as said:
        screen.print(prediction_table(Predictions([run])))
    words = said.get().split()
    assert "±" not in said.get()
    assert " ".join(words).count("100 % 38 % 2 % present") == len(FAMILIES)
    assert "models differ by draws differ by call" in " ".join(words)


def test_notes_are_said_once_for_all_runs():
    inferred = "instrument inferred from the data: commercial (currents below 1, not counts)"
    rows = ("3 rows without abundance: not measured", "41 rows without abundance: not measured")
    assert gathered([(inferred,), (inferred, rows[0]), (), (rows[1],)]) == {
        inferred: 2,
        "N rows without abundance: not measured": 2,
    }
    assert gathered([(rows[0],)]) == {rows[0]: 1}


def _make_targets() -> set[str]:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return {line.split(":")[0] for line in lines if line[:1].isalpha() and ":" in line}


@pytest.mark.parametrize("words", readme_commands(), ids=" ".join)
def test_readme_commands_exist_with_their_options(words):
    if words[0] == "make":
        assert set(words[1:]) <= _make_targets()
        return
    arguments = words[1 : words.index("|")] if "|" in words else words[1:]
    if arguments and not arguments[0].startswith("-"):
        # Parses without running: an unknown option or a missing argument raises.
        GROUP.commands[arguments[0]].make_context(arguments[0], arguments[1:])
    else:
        assert set(arguments) <= {"--help", "-h", "--version", "--verbose"}


def test_the_readme_shows_how_to_begin():
    if not Path(ROOT / "README.md").is_file():
        pytest.skip("no README.md")
    assert ["make", "demo"] in readme_commands()
