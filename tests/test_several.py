"""Several inputs at once, what is written of them, and how the command ends."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook
from rich.console import Console

from command_line import egams
from egams.cli.show import prediction_table
from egams.ensemble.bundle import SHIPPED
from egams.ensemble.predictions import Predictions, RunPrediction
from egams.errors import ConfigError, InputError
from egams.families import FAMILIES
from egams.io import open_source, write_csv
from egams.io.run_rows import read_submission
from io_samples import HEADER, commercial
from prepared_samples import simulated


def test_a_run_id_of_several_inputs_is_preceded_by_its_input(tmp_path: Path) -> None:
    monday, tuesday = tmp_path / "monday", tmp_path / "tuesday"
    for folder, seeds in ((monday, (1, 2)), (tuesday, (1, 3))):
        folder.mkdir()
        for seed in seeds:
            write_csv(commercial("x", seed), folder / f"S{seed}.csv")
    source = open_source([monday, tuesday, monday / "S1.csv"])
    assert source.ids == (f"{monday}/S1", "S2", f"{tuesday}/S1", "S3")
    assert source.load(f"{tuesday}/S1").run_id == f"{tuesday}/S1"
    files = open_source([monday / "S1.csv", tuesday / "S1.csv", monday / "S2.csv"])
    assert files.ids == (f"{monday}/S1.csv", f"{tuesday}/S1.csv", "S2")
    assert open_source([monday / "S1.csv"]).ids == ("S1",)


def test_an_input_that_cannot_be_opened_is_listed_like_a_run(tmp_path: Path) -> None:
    write_csv(commercial("x", 1), tmp_path / "x.csv")
    (tmp_path / "notes.doc").touch()
    source = open_source([tmp_path / "x.csv", tmp_path / "notes.doc", tmp_path / "gone.csv"])
    assert len(source.ids) == 3
    with pytest.raises(InputError, match="is of no format that egams reads"):
        source.load(source.ids[1])
    assert source.only(source.ids[1:]).ids == source.ids[1:]
    with pytest.raises(InputError, match=r"gone.csv: there is no such file"):
        open_source([tmp_path / "gone.csv", tmp_path / "notes.doc"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good runs, one of them in a folder with a bad one and with what is no run."""
    lab = tmp_path_factory.mktemp("lab")
    (lab / "runs" / "old").mkdir(parents=True)
    write_csv(simulated(1), lab / "a.csv")
    write_csv(simulated(2), lab / "runs" / "=b.csv")
    (lab / "runs" / "c.csv").write_text(f"{HEADER}\n0,30,18,1\n0,hot,44,1\n")
    (lab / "runs" / "photo.jpg").touch()
    return lab


def test_the_exit_status_and_what_the_command_says(lab: Path) -> None:
    some = egams("predict", lab / "a.csv", lab / "runs", "-o", lab / "new" / "p.csv", ok=False)
    assert (some.returncode, some.stdout.count("runs used")) == (3, 1)
    for phrase in (
        f"not read, as no format of runs: {lab / 'runs' / 'old'}, {lab / 'runs' / 'photo.jpg'}",
        "2 runs used (2 commercial), 1 skipped",
        "row 3, column 'temp': holds the text 'hot'",
        "note on 2 runs: instrument inferred from the data",
        f"made the folder {lab / 'new'}",
    ):
        assert phrase in some.stdout, phrase
    table = some.stdout.partition("runs used")[0].splitlines()
    assert max(map(len, (line for line in table if "%" in line or "─" in line))) <= 80
    assert read_submission(lab / "new" / "p.csv")[0] == ("a", "=b")
    assert egams("predict", lab / "a.csv").returncode == 0
    none = egams("predict", lab / "runs" / "c.csv", ok=False)
    assert (none.returncode, "none of 1 runs can be used" in none.stderr) == (2, True)
    assert "3 if some were skipped" in " ".join(egams("predict", "--help").stdout.split())


def test_inspect_looks_at_several_and_at_a_bundle(lab: Path) -> None:
    some = egams("inspect", lab / "a.csv", lab / "runs" / "c.csv", SHIPPED, ok=False)
    assert some.returncode == 3
    for phrase in (
        f"== {lab / 'a.csv'}\nthe challenge's layout",
        "holds the text 'hot'",
        "a bundle of 4 experiments",
        "mean log loss, out of fold: all_members",
        "1056 training runs",
    ):
        assert phrase in some.stdout, phrase
    assert egams("inspect", lab / "runs" / "c.csv", ok=False).returncode == 2


def test_what_cannot_be_written_is_refused_before_anything_is_computed(lab: Path) -> None:
    for options, phrase in (
        (("-o", lab / "p.doc"), "expected a name that ends in .csv, .parquet, .json, .xlsx"),
        (("-o", lab / "runs.csv"), "is a folder"),
        (("-o", lab / "a.csv" / "p.csv"), "is a file; expected a folder"),
        (("-o", lab / "p.json", "--details", lab / "p.json"), "is both --output and --details"),
    ):
        (lab / "runs.csv").mkdir(exist_ok=True)
        refused = egams("predict", lab / "gone.csv", *options, ok=False)
        assert (refused.returncode, phrase in refused.stderr) == (2, True), refused.stderr


def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    families = len(FAMILIES)
    return Predictions(
        [
            RunPrediction(
                *(f"={'long' * 30}{i}", "commercial", rng.uniform(size=families)),
                *(np.full(families, 0.1), np.full(families, 0.2), np.full(families, "uncertain")),
                unseen=np.full(families, ""),
                notes=("a note",),
            )
            for i in range(3)
        ]
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".XLSX"])
def test_every_kind_of_file_holds_the_probabilities(suffix: str, tmp_path: Path) -> None:
    expected, path = predictions(), tmp_path / f"p{suffix}"
    expected.save(path)
    if suffix == ".csv":
        ids, found = read_submission(path)
    elif suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        ids = tuple(row["sample_id"] for row in rows)
        found = np.array([[row[family] for family in FAMILIES] for row in rows])
    elif suffix == ".json":
        rows = json.loads(path.read_text())["runs"]
        ids = tuple(row["sample_id"] for row in rows)
        found = np.array([[row["families"][f]["probability"] for f in FAMILIES] for row in rows])
    else:
        book = CalamineWorkbook.from_path(path)
        assert book.sheet_names == ["probabilities", "details", "notes", "skipped"]
        rows = book.get_sheet_by_index(0).to_python()[1:]
        ids, found = tuple(row[0] for row in rows), np.array([row[2:] for row in rows])
        details = book.get_sheet_by_index(1).to_python()
        assert details[0][:3] == ["sample_id", "family", "probability"]
        assert len(details) == 31
    assert ids == expected.run_ids
    np.testing.assert_allclose(found, expected.probabilities, atol=1e-4)
    written = path.read_bytes()
    expected.save(path)
    assert path.read_bytes() == written
    with pytest.raises(ConfigError, match="expected a name that ends in"):
        expected.save(tmp_path / "p.xls")


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_stays_within_the_terminal_and_loses_no_name(width: int) -> None:
    whole = predictions()
    for shown in (whole, Predictions([replace(whole[0], run_id="x" * 300)])):
        screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
        screen.print(prediction_table(shown))
        text = screen.file.getvalue()  # type: ignore[attr-defined]
        assert max(map(len, text.splitlines())) <= width
        letters = "".join(text.split())
        assert sum(letters.count(c) for c in "x") >= 300 or "long" in letters
