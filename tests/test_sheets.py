"""Workbooks of several sheets: each table of readings is a run, and no sheet is lost in silence."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from command_line import egams
from egams.errors import InputError
from egams.io import RunReader, open_source
from egams.library.files import OpenedFile, TemporaryFolder
from egams.run import Run
from io_samples import commercial
from prepared_samples import simulated
from table_samples import Dialect, cells, workbook_of

INFO = [["Operator", "Huber"], ["Gas", "m/z", "Intensity"], ["H2O", "18", "3"], ["CO2", "44", "5"]]
BALANCE = [["t/s", "T/°C", "Mass/%"], *[[str(t), str(30 + t), "99.5"] for t in range(20)]]
DAYS = {"Monday": commercial("x", 1), "Tue/day": commercial("x", 2)}


def wide(run: Run) -> list[list[str]]:
    return cells(run, Dialect(channels="m/z {}"))


def days(**more: list[list[str]]) -> bytes:
    sheets = {"Info": INFO, **{day: wide(run) for day, run in DAYS.items()}, "Sheet3": [[]], **more}
    return workbook_of(*sheets.values(), names=list(sheets))


def test_every_sheet_with_a_table_of_readings_is_a_run(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    file, archive = tmp_path / "runs" / "days.xlsx", tmp_path / "runs.zip"
    file.write_bytes(days(Balance=BALANCE))
    with zipfile.ZipFile(archive, "w") as out:
        out.write(file, "days.xlsx")
    for place in (file, tmp_path / "runs", archive, [tmp_path / "runs", file]):
        source = pickle.loads(pickle.dumps(open_source(place)))
        assert source.ids == ("days/Monday", "days/Tue/day")
        for run_id, run in zip(source.ids, DAYS.values(), strict=True):
            loaded = source.load(run_id)
            np.testing.assert_allclose(loaded.abundance, run.abundance)
            note = "other sheets of the workbook not read, as no tables of readings: "
            assert note + "'Info', 'Balance'" in loaded.notes
        assert len({source.fingerprint(run_id) for run_id in source.ids}) == 2


def test_a_sheet_that_is_damaged_or_open_is_skipped_with_its_reason(tmp_path: Path) -> None:
    bad, (header, *rows) = wide(DAYS["Monday"]), wide(DAYS["Monday"])
    bad[4][1] = "hot"
    remark = [header, *rows, *rows[:2], [*rows[0], "opened the valve"]]
    (tmp_path / "days.xlsx").write_bytes(days(Bad=bad, Remark=remark, Nameless=rows * 2))
    reader = RunReader(open_source(tmp_path))
    assert len(list(reader)) == 2
    reasons = {each.run_id: each.reason for each in reader.skipped}
    assert list(reasons) == ["days/Bad", "days/Remark", "days/Nameless"]
    assert "days.xlsx/Bad, row 5, column 'm/z 18 [A]': holds the text 'hot'" in reasons["days/Bad"]
    assert "days.xlsx/Remark, row 11: 8 fields under a header of 7" in reasons["days/Remark"]
    assert "no header" in reasons["days/Nameless"]


def test_one_sheet_of_readings_keeps_the_name_of_the_file(tmp_path: Path) -> None:
    table = wide(DAYS["Monday"])
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_of(BALANCE * 9, table, names=["Balance", "MS"]))
    run = open_source(path).load("x")
    np.testing.assert_allclose(run.abundance, DAYS["Monday"].abundance)
    assert "from sheet 'MS'; not read, as no tables of readings: 'Balance'" in run.notes
    # What headers do not say, the user may.
    said = [header.replace("m/z ", "").split(" [")[0] for header in table[0]]
    table[0] = [f"K{place}" for place in range(10, 17)]
    path.write_bytes(workbook_of(table, INFO, names=["MS", "Info"]))
    with pytest.raises(InputError, match="neither a column of abundance"):
        open_source(path).load("x")
    roles = {"Elapsed time": "time={} [s]", "Sample Temperature": "temp={} [degC]"}
    answers = (roles.get(was, f"{{}}={was}") for was in said)
    columns = ", ".join(map(str.format, answers, table[0]))
    run = open_source(path, columns=columns).load("x")
    assert any("not read, as no tables of readings: 'Info'" in note for note in run.notes)


def test_a_curve_in_a_workbook_is_noted_with_its_sheet(tmp_path: Path) -> None:
    curve = [["t/s", "T/°C"], *[[str(t), str(30 + t)] for t in range(60)]]
    (tmp_path / "curve.xlsx").write_bytes(workbook_of(INFO, curve, names=["Info", "TG"]))
    (tmp_path / "x.xlsx").write_bytes(workbook_of(wide(DAYS["Monday"])))
    source = open_source(tmp_path / "x.xlsx", temperature=tmp_path / "curve.xlsx", offset=0)
    assert any("curve.xlsx (Excel, sheet 'TG')" in note for note in source.load("x").notes)


def test_what_the_metadata_say_of_a_workbook_counts_for_its_sheets(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as out:
        out.writestr("days.xlsx", days())
    (tmp_path / "metadata.csv").write_text(
        "sample_id;instrument_type;split\ndays;sam_testbed;train\nother;commercial;val\n"
    )
    source = open_source(tmp_path / "z.zip", split="train")
    assert [source.load(run_id).instrument for run_id in source.ids] == ["sam_testbed"] * 2


def test_a_library_calls_sheets_as_its_file_was_called(tmp_path: Path) -> None:
    folder = TemporaryFolder()
    path = folder.add(days(), "days.xlsx", "file")
    opened = OpenedFile(open_source(path), folder, path, "days.xlsx")
    assert opened.ids == ("days/Monday", "days/Tue/day")
    assert opened.load("days/Tue/day").run_id == "days/Tue/day"
    assert opened.only(["days/Monday"]).ids == ("days/Monday",)


def test_predict_says_what_became_of_each_sheet(tmp_path: Path) -> None:
    tables = [wide(simulated(seed)) for seed in (1, 2)]
    path = tmp_path / "days.xlsx"
    path.write_bytes(workbook_of(*tables, INFO, names=["Mon", "Tue", "Info"]))
    shown = egams("predict", path).stdout
    assert "2 runs used" in shown
    assert "note on 2 runs: other sheets of the workbook not read" in shown
    refused = egams("predict", path, "--blank", path, ok=False).stderr
    assert "holds 2 runs; expected one blank" in refused
