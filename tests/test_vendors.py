"""Instruments' own files, and the temperature that most of them lack."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import vendor_samples as vendor
from command_line import egams
from egams.errors import InputError
from egams.io import Ramp, open_source, read
from egams.report.traces_panel import signal_words
from egams.run import Run
from io_samples import commercial
from table_samples import Dialect, cells, text_of, workbook_of
from vendor_samples import times

RUN = commercial("x", 1)
GASES = ("Hydrogen", "He", "Water", "Oxygen", "Carbondioxide")
WITH_TEMPERATURE = {
    "NETZSCH": ("x.csv", vendor.netzsch(RUN)),
    "NETZSCH with commas": ("x.txt", vendor.netzsch(RUN, comma=True)),
    "NETZSCH in UTF-16": ("x.txt", vendor.netzsch(RUN, encoding="utf-16")),
    "Calisto": ("x.txt", vendor.calisto(RUN)),
    "SAM": ("x.csv", vendor.sam(RUN)),
}
WITHOUT = {
    "Quadera": ("x.asc", vendor.quadera(RUN)),
    "Quadera with names": ("x.asc", vendor.quadera(RUN, names=GASES, decimal=",")),
    "QuadStar": ("x.asc", vendor.quadstar(RUN)),
    "QuadStar, bare returns": ("x.asc", vendor.quadstar(RUN, newline="\r")),
    "SRS": ("x.txt", vendor.srs(RUN)),
    "PVMassSpec": ("x.dat", vendor.pvmassspec(RUN)),
    "ANDI": ("x.cdf", vendor.andi(RUN)),
    "mzML": ("x.mzML", vendor.mzml(RUN)),
}


def load(name: str, data: bytes, folder: Path, **how: object) -> Run:
    (folder / name).write_bytes(data)
    return open_source(folder / name, **how).load("x")


def assert_run(run: Run, rtol: float = 1e-9) -> None:
    assert run.time is not None
    np.testing.assert_allclose(run.scan_time, times(RUN), atol=1e-9)
    np.testing.assert_allclose(run.scan_temperature, RUN.temperature, rtol=rtol)
    np.testing.assert_array_equal(run.mz, RUN.mz)
    np.testing.assert_allclose(run.abundance, RUN.abundance, rtol=1e-12)


def curve(folder: Path, *, first: str = "Time (s)") -> Path:
    rows = [f"{t}\t{temp}" for t, temp in zip(times(RUN), RUN.temperature, strict=True)]
    path = folder / "balance.log"
    path.write_text("\n".join([f"{first}\tTemperature (°C)", *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", WITH_TEMPERATURE)
def test_a_file_with_a_temperature(case: str, tmp_path: Path) -> None:
    assert_run(load(*WITH_TEMPERATURE[case], tmp_path))


@pytest.mark.parametrize("case", WITHOUT)
def test_a_file_without_takes_it_from_a_curve(case: str, tmp_path: Path) -> None:
    name, data = WITHOUT[case]
    with pytest.raises(InputError, match=r"no temperature of the sample.*--temperature FILE"):
        load(name, data, tmp_path)
    with pytest.raises(InputError, match=r"The clocks of the two files do not.*--offset SECONDS"):
        load(name, data, tmp_path, temperature=curve(tmp_path))
    run = load(name, data, tmp_path, temperature=curve(tmp_path), offset=0)
    assert_run(run)
    assert any("which begins 0 s after the recording: as stated" in note for note in run.notes)
    assert run.unit == ("mbar" if case == "SRS" else "A")  # its file is in Torr


def test_a_table_of_the_planetary_data_system_takes_its_columns_from_the_label(
    tmp_path: Path,
) -> None:
    data, label = vendor.pds(RUN)
    (tmp_path / "all_1.LBL").write_bytes(label)
    (tmp_path / "X_1.TAB").write_bytes(data)
    run = open_source(tmp_path / "X_1.TAB").load("X_1")
    assert_run(run)
    assert any("'OVEN_TEMPERATURE' is temp [degC]" in note for note in run.notes)
    (tmp_path / "X_1.TAB").write_bytes(data.replace(b"\n", b"\n7,"))
    with pytest.raises(InputError, match=r"has 5 columns, and its label all_1.LBL has 0 t"):
        open_source(tmp_path / "X_1.TAB").load("X_1")
    (tmp_path / "all_1.LBL").unlink()
    with pytest.raises(InputError, match="fields under a header of 4"):
        open_source(tmp_path / "X_1.TAB").load("X_1")


def test_sam_without_a_temperature_of_the_oven(tmp_path: Path) -> None:
    data = vendor.sam(RUN, oven=False)
    with pytest.raises(InputError, match="holds no temperature"):
        load("x.csv", data, tmp_path)
    run = load("x.csv", data, tmp_path, temperature=Ramp(35, 30))
    assert any("below 0 degC throughout: taken as not recorded" in note for note in run.notes)


def test_names_of_channels_that_state_no_m_z_are_asked(tmp_path: Path) -> None:
    names = ("Hydrogen", "He", "Methane", "Oxygen", "Total")
    ramp = Ramp(10, 30)
    data = vendor.quadera(RUN, names=names)
    with pytest.raises(InputError, match=r"row 7, column 'Methane'.*--columns 'Methane=16'"):
        load("x.asc", data, tmp_path, temperature=ramp)
    answer = "Methane=15, Total=unused"
    assert load("x.asc", data, tmp_path, temperature=ramp, columns=answer).mz.tolist() == [
        *(2, 4, 15, 32)
    ]
    with pytest.raises(InputError, match="'Hydrogen' and 'Methane' are both m/z 2"):
        load("x.asc", data, tmp_path, temperature=ramp, columns="Methane=2, Total=3")


def test_a_row_that_is_cut_short_ends_with_its_last_whole_reading(tmp_path: Path) -> None:
    data = vendor.quadera(RUN)
    lines = data.split(b"\r\n")
    cut = b"\r\n".join([*lines[:-2], b"\t".join(lines[-2].split(b"\t")[:8]) + b"\t4.9"])
    run = load("x.asc", cut, tmp_path, temperature=Ramp(10, 30))
    assert np.isnan(run.abundance[-1]).tolist() == [False, False, True, True, True]
    assert any("cut off at the end" in note for note in run.notes)
    middle = b"\r\n".join([*lines[:10], b"\t".join(lines[10].split(b"\t")[:8]), *lines[11:]])
    with pytest.raises(InputError, match="row 11: 8 fields instead of 15"):
        load("x.asc", middle, tmp_path, temperature=Ramp(10, 30))
    with pytest.raises(InputError, match=r"row 10, column '4': holds the text 'hot'"):
        bad = data.replace(lines[9].split(b"\t")[5], b"hot", 1)
        load("x.asc", bad, tmp_path, temperature=Ramp(10, 30))


@pytest.mark.parametrize("case", ["Quadera", "QuadStar"])
def test_signals_of_channels_that_the_header_lost_are_refused(case: str, tmp_path: Path) -> None:
    name, data = WITHOUT[case]
    header = next(line for line in data.split(b"\n") if b"Rel" in line)
    cells = header.split(b"\t")
    cut = data.replace(header, b"\t".join(cells[:-3] if case == "Quadera" else cells[:-1]))
    with pytest.raises(InputError, match=r"fields under a header of 13|more signals than the 4 ch"):
        load(name, cut, tmp_path, temperature=Ramp(10, 30))


def test_clocks_place_the_curve_of_a_balance(tmp_path: Path) -> None:
    (tmp_path / "balance.txt").write_bytes(vendor.mettler(RUN))
    data = vendor.quadera(RUN)
    run = load("x.asc", data, tmp_path, temperature=tmp_path / "balance.txt")
    (note,) = (note for note in run.notes if "inferred from the clocks" in note)
    assert "being the end of the curve" in note
    assert "begins -0.6 s after" in note  # the clock of the balance has whole seconds
    np.testing.assert_allclose(run.abundance, RUN.abundance[:-1])
    # A stamp that may be either is asked.
    late = vendor.mettler(RUN).replace(b"13:51:39", b"13:52:10")
    (tmp_path / "balance.txt").write_bytes(late)
    with pytest.raises(InputError, match=r"may be the start of its curve or the end.*--offset"):
        load("x.asc", data, tmp_path, temperature=tmp_path / "balance.txt")
    with pytest.raises(InputError, match="a curve of temperature and no m/z"):
        load("x.txt", vendor.mettler(RUN), tmp_path)


def test_nothing_is_extrapolated_and_offsets_move_the_curve(tmp_path: Path) -> None:
    run = load("x.asc", vendor.quadera(RUN), tmp_path, temperature=curve(tmp_path), offset=4.6)
    np.testing.assert_allclose(run.scan_temperature, RUN.temperature[:-1])
    np.testing.assert_allclose(run.abundance, RUN.abundance[1:])
    assert any("readings outside that curve left out" in note for note in run.notes)
    with pytest.raises(InputError, match="no reading lies within the curve"):
        load("x.asc", vendor.quadera(RUN), tmp_path, temperature=curve(tmp_path), offset=999)
    stated = curve(tmp_path, first="Time")
    with pytest.raises(InputError, match=r"column 'Time': has no unit"):
        load("x.asc", vendor.quadera(RUN), tmp_path, temperature=stated, offset=0)


def test_each_m_z_is_interpolated_at_its_own_times(tmp_path: Path) -> None:
    lines = vendor.quadera(RUN).decode().splitlines()
    for i in range(8, len(lines)):
        cells = lines[i].split("\t")
        for channel in range(5):
            cells[3 * channel + 1] = f"{float(cells[3 * channel + 1]) + 0.5 * channel:.3f}"
        lines[i] = "\t".join(cells)
    ramp = Ramp(60, 30, hold=0.1, end=50)
    run = load("x.asc", "\n".join(lines).encode(), tmp_path, temperature=ramp, offset=-2)
    assert run.temperature.shape == run.abundance.shape
    expected = np.clip(30 + times(RUN)[:, None] + 0.5 * np.arange(5) + 2 - 6, 30, 50)
    held = ~np.isnan(run.abundance)
    np.testing.assert_allclose(run.temperature[held], expected[held])
    for bad in ({"rate": 0, "start": 1}, {"rate": 1, "start": 1, "end": 0}):
        with pytest.raises(InputError, match="a ramp"):
            Ramp(**bad)


def test_what_is_stated_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.asc").write_bytes(vendor.quadera(RUN))
    with pytest.raises(InputError, match="an offset but no temperature"):
        open_source(tmp_path / "x.asc", offset=0)
    with pytest.raises(InputError, match="stated for runs in memory"):
        open_source(RUN, temperature=Ramp(10, 30))
    with pytest.raises(InputError, match="no such file; expected a curve"):
        open_source(tmp_path / "x.asc", temperature=tmp_path / "y.txt")
    for options, phrase in (
        (("--ramp", 10), "need each other"),
        (("--hold", 3), "belong to a ramp"),
        (("--ramp", 10, "--start", 30, "--temperature", "y.txt"), "leave out one"),
    ):
        refused = egams("inspect", tmp_path / "x.asc", *options, ok=False)
        assert (refused.returncode, phrase in refused.stderr) == (2, True)
    shown = egams(
        "inspect", tmp_path / "x.asc", "--ramp", 600, "--start", 30, "--offset", -2
    ).stdout
    assert "x: 7 scans from 50 to 326 degC" in shown


def test_a_fingerprint_changes_with_the_temperature(tmp_path: Path) -> None:
    (tmp_path / "x.asc").write_bytes(vendor.quadera(RUN))
    ways: list[dict[str, object]] = [
        {},
        {"temperature": Ramp(10, 30)},
        {"temperature": Ramp(10, 31)},
        {"temperature": Ramp(10, 30), "offset": 1},
        {"temperature": curve(tmp_path), "offset": 1},
    ]
    prints = {open_source(tmp_path / "x.asc", **way).fingerprint("x") for way in ways}
    assert len(prints) == len(ways)


@pytest.mark.real
def test_real_runs_come_back_from_other_layouts(real_data: Path, tmp_path: Path) -> None:
    source = open_source(real_data / "drivendata-mini")
    run, sam = source.load("S0005"), source.load("S0754")
    german = Dialect(names="German", separator=";", decimal=",", temp="K", time="min")
    layouts = {
        "x.txt": text_of(run, german),
        "x.tsv": text_of(run, Dialect(separator="\t", channels="{} amu", encoding="utf-16")),
        "x.csv": vendor.netzsch(run),
        "x.dat": vendor.calisto(run),
        "x.xlsx": workbook_of(cells(run, Dialect(channels="m/z {}"))),
    }
    for name, data in layouts.items():
        same = load(name, data, tmp_path)
        np.testing.assert_array_equal(same.mz, run.mz, err_msg=name)
        np.testing.assert_allclose(same.temperature, run.temperature, err_msg=name)
        np.testing.assert_allclose(same.abundance, run.abundance, rtol=1e-12, err_msg=name)
    assert sam.time is not None
    scan, place = np.nonzero(~np.isnan(sam.abundance))
    columns = (sam.time[scan, place], sam.mz[place], sam.temperature[scan, place])
    rows = zip(*(c.tolist() for c in (*columns, sam.abundance[scan, place])), strict=True)
    lines = ["Time (s),AMU,Pyrolysis Oven Temperature (C),Counts"]
    lines += [",".join(map(repr, row)) for row in rows]
    same = load("x.csv", "\n".join(lines).encode(), tmp_path)
    np.testing.assert_array_equal(same.abundance, sam.abundance)
    np.testing.assert_array_equal(same.temperature, sam.temperature)


@pytest.mark.real
def test_the_real_pair_of_a_spectrometer_and_a_balance(real_data: Path) -> None:
    lab = real_data / "lab-files"
    (path,) = lab.glob("*.asc")
    (balance,) = lab.glob("mp2028*.txt")
    (run,) = read(path, temperature=balance, strict=True)
    assert run.mz.tolist() == [14, 16, 18, 28, 32, 40, 44]
    assert run.unit == "mbar"
    assert signal_words(run.unit) == "partial pressure, mbar"
    assert run.temperature.shape == run.abundance.shape
    assert 21 < np.nanmin(run.temperature) < np.nanmax(run.temperature) < 692
    (note,) = (note for note in run.notes if "inferred from the clocks" in note)
    assert re.search(r"begins 44 s after the recording.*the end of the curve", note)
