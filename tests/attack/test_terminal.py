"""What a file says reaches neither the terminal nor a spreadsheet as a command."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from egams.cli.main import _complain as complain
from egams.cli.main import app
from egams.ensemble.bundle import load_bundle
from egams.errors import InputError
from egams.io import write_csv
from egams.io.run_rows import read_submission
from egams.plain import plain_text
from prepared_samples import simulated

ESC = "\x1b]0;owned\x07\x1b[31m"
NASTY = [f"x{ESC}", "x\nskipped y: fine", "x\rskipped", "\u202egnp.x", "\x9b31m"]
FORMULAS = ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(1)", "\t=1"]


def lay(path: Path, ids: list[str]) -> None:
    run = simulated(1, tiny=True)
    csv_path = path.with_suffix(".one")
    write_csv(run, csv_path)
    import pyarrow.csv

    table = pyarrow.csv.read_csv(csv_path)
    tables = [table.append_column("sample_id", [[name] * len(table)]) for name in ids]
    pq.write_table(pa.concat_tables(tables), path)


def is_plain(text: str) -> bool:
    return all(line == plain_text(line) for line in text.split("\n"))


@pytest.mark.parametrize("command", ["predict", "inspect"])
def test_ids_and_headers(command: str, tmp_path: Path) -> None:
    lay(tmp_path / "x.parquet", ["good", *NASTY])
    done = CliRunner().invoke(app, [command, str(tmp_path / "x.parquet")])
    assert done.exit_code in {0, 3}, done.output
    assert is_plain(done.output)
    assert "\nskipped y" not in done.output


def test_names_of_files(tmp_path: Path) -> None:
    write_csv(simulated(1, tiny=True), tmp_path / "good.csv")
    for name in NASTY:
        (tmp_path / f"{name}.csv").write_text("time,temp,m/z,abundance\n0,hot,1,1\n")
    done = CliRunner().invoke(app, ["predict", str(tmp_path)])
    assert is_plain(done.output)
    assert f"{len(NASTY)} skipped" in done.output
    assert "\nskipped y" not in done.output


def test_headers_of_columns(tmp_path: Path) -> None:
    text = f"time,temp,m/z,{ESC}abundance\n0,30,18,1\n1,31,18,1\n"
    (tmp_path / "x.csv").write_text(text)
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / "x.csv")])
    assert is_plain(done.output)
    assert done.exception is None or is_plain(str(done.exception))


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_plain(str(InputError(f"holds '{ESC}'", file=f"{ESC}\nall is well", column=ESC)))
    assert "\n" not in str(InputError("p", file="x\nall is well"))
    complain(f"no such file: {ESC}")
    assert is_plain(capsys.readouterr().err)


def test_a_spreadsheet_sees_text(tmp_path: Path) -> None:
    lay(tmp_path / "x.parquet", FORMULAS)
    predictions = load_bundle().predict(tmp_path / "x.parquet", draws=1)
    predictions.to_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[0] for row in rows] == ["'=HYPERLINK(1)", "+1", "'-1+2", "'@SUM(1)"]
    assert read_submission(tmp_path / "out.csv")[0] == predictions.run_ids
