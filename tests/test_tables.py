"""Tables in any dialect: one run comes back from all of them; what is open is asked."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import egams
from egams.errors import InputError
from egams.io import open_source
from egams.run import Run
from io_samples import commercial
from table_samples import (
    CHANNELS,
    NAMES,
    SIGNALS,
    TEMPS,
    TIMES,
    UNIT_STYLES,
    Dialect,
    cells,
    packed,
    text_of,
    workbook_of,
)

RUN = commercial("x", 1)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1251")


def load(data: bytes, folder: Path, name: str = "x.txt", **how: object) -> Run:
    (folder / name).write_bytes(data)
    return open_source(folder / name, **how).load("x")


def assert_run(run: Run, factor: float = 1.0) -> None:
    """Compare with the run that was written, whose signals are `factor` of those read."""
    for name in ("temperature", "mz", "time"):
        np.testing.assert_allclose(getattr(run, name), getattr(RUN, name), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run.abundance, RUN.abundance * factor, rtol=1e-9)


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Any dialect that is not ambiguous by itself."""
    names = draw(st.sampled_from(sorted(NAMES)))
    needs = {"Russian": {"latin-1"}, "French": {"cp1251"}, "German": set()}.get(names, set())
    encoding = draw(st.sampled_from([e for e in ENCODINGS if e not in needs]))
    channels = draw(st.sampled_from((None, *CHANNELS)))
    return Dialect(
        separator=draw(st.sampled_from("\t;,|")),
        decimal=draw(st.sampled_from(".,")),
        names=names,
        units=draw(st.sampled_from(sorted(UNIT_STYLES))),
        time=draw(st.sampled_from(sorted(TIMES))),
        temp=draw(st.sampled_from(sorted(TEMPS))),
        signal=draw(st.sampled_from(sorted(SIGNALS))),
        encoding=encoding,
        newline=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        comments=draw(st.sampled_from([0, 1, 300])),
        order=tuple(draw(st.permutations(range(4)))),
        channels=channels,
        missing=draw(st.sampled_from(["", "---", "NaN", "#N/A"])),
        extra=draw(st.booleans()),
    )


@given(dialect=dialects())
def test_one_run_comes_back_from_every_dialect(
    dialect: Dialect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = load(text_of(RUN, dialect), tmp_path_factory.mktemp("x"))
    factor = 1.0 if dialect.signal in ("A", "counts") else 1 / SIGNALS[dialect.signal]
    assert_run(run, factor * SIGNALS[dialect.signal])
    assert run.unit == {"nA": "A", "Torr": "mbar"}.get(dialect.signal, dialect.signal)
    assert any("read as a" in note for note in run.notes)


def test_a_table_may_be_packed_or_in_a_workbook(tmp_path: Path) -> None:
    dialect = Dialect(names="German", separator=";", decimal=",")
    data = text_of(RUN, dialect)
    assert_run(load(packed(data), tmp_path, "x.txt.gz"))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("folder/x.tsv", data)
    assert_run(open_source(tmp_path / "z.zip").load("x"))
    for channels in (None, "{} amu"):
        table = [["Made by hand"], [], *cells(RUN, Dialect(channels=channels))]
        assert_run(load(workbook_of(table), tmp_path, "x.xlsx"))
    # Decimal commas in a workbook are text.
    assert_run(load(workbook_of(cells(RUN, dialect)), tmp_path, "x.xlsx"))


def wide(*header: str, start: float = 30.0, rate: float = 5.0) -> str:
    """A small wide table: time, temperature, signals."""
    rows = ["\t".join(header)]
    for scan in range(8):
        signals = (f"{1e-9 * (scan + place):.3e}" for place in range(1, len(header) - 1))
        rows.append("\t".join((str(scan), f"{start + rate * scan:.1f}", *signals)))
    return "\n".join(rows)


OPEN: dict[str, tuple[str, str, str]] = {
    "Kelvin or degC": (
        wide("t/s", "T", "m/z 18", "m/z 44", start=298.1),
        "may be in K or in degC",
        "temp=T [K]",
    ),
    "degF or degC": (
        wide("t/s", "T", "m/z 18", "m/z 44", rate=250),
        "in degC, degF or K",
        "temp=T [degF]",
    ),
    "degC called Kelvin": (
        wide("t/s", "T [K]", "m/z 18", "m/z 44"),
        "is it in degC",
        "temp=T [K] [degC]",
    ),
    "unknown unit": (
        wide("t/s", "T [R]", "m/z 18", "m/z 44"),
        "its unit 'R' is unknown",
        "temp=T [R] [degC]",
    ),
    "minutes as seconds": (
        wide("time", "T/°C", "m/z 18", "m/z 44"),
        "has no unit, and as seconds",
        "time=time [min]",
    ),
    "two temperatures": (
        wide("t/s", "Sample 1 [°C]", "m/z 18", "Sample 2 [°C]"),
        "'Sample 1 [°C]' and 'Sample 2 [°C]' may both be the column of temp",
        "temp=Sample 1 [°C]",
    ),
    "a temperature of some part beside that of the oven": (
        wide("t/s", "Sensor Temperature [°C]", "m/z 18", "Oven Temperature [°C]"),
        "may be of the sample or of a part of the instrument; there is 'Oven Temperature [°C]' too",
        "temp=Sensor Temperature [°C]",
    ),
    "numbers of channels": (
        wide("t/s", "T/°C", "1", "2", "3"),
        "may be m/z, or count columns",
        "1=18, 2=28, 3=44",
    ),
    "methane": (
        wide("t/s", "T/°C", "H2O", "CH4"),
        "'CH4': may hold a signal",
        "CH4=15",
    ),
    "a signal without m/z": (
        wide("t/s", "T/°C", "m/z 18", "trace B [A]"),
        "'trace B [A]': may hold a signal",
        "trace B [A]=unused",
    ),
    "a damaged header": (
        wide("t/s", "T/°C", "m/z 18", "44 xmu"),
        "'44 xmu': may hold a signal",
        "44 xmu=44",
    ),
    "a range of m/z": (
        wide("t/s", "T/°C", "m/z 18", "IS m/z 12-100 / nA").replace("m/z 18\t", "m/z 18 / nA\t"),
        "'IS m/z 12-100 / nA': may hold a signal",
        "IS m/z 12-100 / nA=unused",
    ),
    "signals without a unit and with a word that is not known": (
        wide("t/s", "T/°C", "Scan m/z 18", "Scan m/z 44"),
        "--columns 'Scan m/z 18=18, Scan m/z 44=44'",
        "Scan m/z 18=18, Scan m/z 44=44",
    ),
    "one m/z twice": (
        wide("t/s", "T/°C", "m/z 18", "Water"),
        "'m/z 18' and 'Water' are both m/z 18",
        "Water=unused",
    ),
    "thousands or decimals": (
        "t/s;T/°C;18;44\n" + "\n".join(f"{i};3{i};1,20{i};2,30{i}" for i in range(1, 9)),
        "may hold a decimal comma, or part thousands",
        "decimal=comma",
    ),
    "points and commas": (
        "t/s;T/°C;18;44\n" + "\n".join(f"{i};3{i},5;1.20{i};2.30{i}" for i in range(1, 9)),
        "points and commas both stand in numbers",
        "decimal=comma",
    ),
    "name and unit disagree": (
        wide("t/s", "temp/min", "m/z 18"),
        "its name says temp, its unit time",
        "temp=temp/min [degC]",
    ),
    "a name with two meanings": (
        wide("t/s", "time temp", "m/z 18"),
        "may mean time or temp",
        "temp=time temp [degC]",
    ),
    "gases in a column of m/z": (
        "t/s,T/°C,mass,counts\n"
        + "\n".join(f"{i},3{i},{gas},{i}" for i in range(9) for gas in ("Methane", "Tar")),
        "no m/z is known for 'Methane'",
        "Methane=15, Tar=78",
    ),
    "m/z in a column and in headers": (
        wide("t/s", "T/°C", "mass", "counts", "m/z 18"),
        "a column of m/z and columns of single m/z",
        "mass=unused, counts=unused",
    ),
    "unnamed columns": (
        wide("A", "B", "C", "D"),
        "neither a column of abundance",
        "time=A [s], temp=B [degC], C=18, D=44",
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_is_open_is_asked_and_the_answer_is_taken(case: str, tmp_path: Path) -> None:
    text, phrase, answer = OPEN[case]
    with pytest.raises(InputError, match=re.escape(phrase)) as question:
        load(text.encode(), tmp_path)
    assert "--columns '" in str(question.value)
    assert load(text.encode(), tmp_path, columns=answer).scan_temperature.size >= 8


def test_a_capital_t_is_a_temperature(tmp_path: Path) -> None:
    for header in ("T", "T sample", "t sample/°C", "Probe T, °C"):
        run = load(wide("t / s", header, "m/z 18", "m/z 44").encode(), tmp_path)
        assert run.temperature[0] == 30


@pytest.mark.parametrize(
    "header",
    ["IS m/z {} / nA", "Kanal 3, m/z={} [nA]", "Spur (m/z {}) in nA", "QMS 403 m/e {} (nA)"],
)
def test_m_z_and_a_number_before_a_unit_of_signals_are_an_ion(header: str, tmp_path: Path) -> None:
    text = wide("Zeit / s", "T / °C", header.format(18), header.format("44,1"))
    run = load(text.encode(), tmp_path)
    assert run.mz.tolist() == [18, 44]
    assert (run.unit, run.abundance[3, 0]) == ("A", pytest.approx(4e-18))
    with pytest.raises(InputError, match="--columns"):
        load(text.replace("nA", "A").replace("44,1", "44 log").encode(), tmp_path)


def test_signals_that_are_no_signals_are_refused(tmp_path: Path) -> None:
    header = "t/s,T/°C,m/z,{}\n"
    rows = [f"{scan},{30 + scan},{mz},{-9 - mz / 100}" for scan in range(5) for mz in (18, 44)]
    for name, phrase in (("log10 intensity", "holds logarithms"), ("I/A", "is negative")):
        with pytest.raises(InputError, match=phrase):
            load((header.format(name) + "\n".join(rows)).encode(), tmp_path)
    with pytest.raises(InputError, match="are in A and mbar"):
        load(wide("t/s", "T/°C", "m/z 18 [A]", "m/z 44 [mbar]").encode(), tmp_path)


def test_a_bad_row_is_named_with_its_line_and_header(tmp_path: Path) -> None:
    good = text_of(RUN, Dialect(separator=";", comments=4)).decode().splitlines()
    for line, text, phrase in (
        (9, "1;hot;18;1e-9", r"row 9, column 'Sample Temperature \[°C\]': holds the text 'hot'"),
        (9, "1;30;18", "row 9: 3 fields under a header of 4"),
        (len(good), "1;30;18", "row .*3 fields under a header of 4.*cut off"),
        (9, "1;30;18;1e-9;7", "row 9: 5 fields"),
        (9, "1;inf;18;1e-9", r"row 9, column 'Sample Temperature \[°C\]': is infinite"),
        (9, "1;;18;1e-9", r"row 9, column 'Sample Temperature \[°C\]': holds nothing"),
    ):
        bad = "\n".join([*good[: line - 1], text, *good[line:]])
        with pytest.raises(InputError, match=phrase):
            load(bad.encode(), tmp_path)


def test_rows_above_a_second_header_are_not_lost_in_silence(tmp_path: Path) -> None:
    header = "Time/s;Temp/C;QMID(s:1|m:18)/A;QMID(s:1|m:44)/A"
    rows = [f"{k};{30 + 3 * k};{1e-9 + k * 1e-12:.3e};2.1e-10" for k in range(60)]
    damaged = [row.replace(";2.1e-10", "") for row in rows[:20]]
    text = "\n".join([header, *damaged, header, *rows]) + "\n"
    with pytest.raises(InputError, match=r"row 2.*20 rows of numbers stand above the header"):
        load(text.encode(), tmp_path)


def test_a_mapping_lies_beside_the_data(tmp_path: Path) -> None:
    text = wide("A1", "Probe", "K1", "K2", "K3").encode()
    with pytest.raises(InputError, match="neither a column of abundance"):
        load(text, tmp_path)
    lines = ["time: A1 [s]", "temp: Probe [degC]", "K1: 18", "K2: 44", "K3: unused"]
    (tmp_path / "egams-columns.yaml").write_text("\n".join(lines))
    before = open_source(tmp_path / "x.txt").fingerprint("x")
    run = load(text, tmp_path)
    assert run.mz.tolist() == [18, 44]
    assert any("'K1' is m/z 18, by hand" in note for note in run.notes)
    (tmp_path / "egams-columns.yaml").write_text("\n".join(lines).replace("44", "28"))
    assert load(text, tmp_path).mz.tolist() == [18, 28]
    assert open_source(tmp_path / "x.txt").fingerprint("x") != before
    # What is stated for this call takes precedence; a file of the challenge is left alone.
    stated = "time=A1 [s], temp=Probe [K], K1=2, K2=3, K3=4"
    with pytest.raises(InputError, match=r"cannot be") as error:
        load(text.replace(b"30.0", b"-1.0"), tmp_path, columns=stated)
    assert "'Probe'" in str(error.value)
    for bad, phrase in (
        ("time", "not understood"),
        ("K1=water", "not understood"),
        ("time=Q", "no column 'Q', as --columns states; expected one of 'A1'"),
        ("time=A1 [K]", "expected time in s, ms, min, h"),
        ("decimal=dot", "expected decimal=comma or point"),
        ("K1=18, K1=19", "stated twice"),
    ):
        with pytest.raises(InputError, match=phrase):
            load(text, tmp_path, columns=bad)
    (tmp_path / "egams-columns.yaml").write_text("A: &x 1\nB: &x 2\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        load(text, tmp_path)
    (tmp_path / "egams-columns.yaml").write_text("- a\n- b\n")
    with pytest.raises(InputError, match=r"egams-columns.yaml: holds no mapping"):
        load(text, tmp_path)


def test_inspect_shows_what_was_taken_for_what(tmp_path: Path) -> None:
    rows = [(f"{i * 10},{30 + 10 * i + 60 * (i > 20)},{min(i, 20)}e-9,1e-9,7") for i in range(40)]
    text = "\n".join(["# by hand", "Zeit [s],T (°C),m/z 18,CO2,flow", *rows])
    (tmp_path / "x.csv").write_text(text)
    shown = " ".join(egams("inspect", tmp_path / "x.csv").stdout.split())
    for phrase in (
        "wide table; encoding: UTF-8, separator: commas, decimal mark: point, header: line 2",
        "CO2 m/z 44",
        "flow not used",
        "x: 40 scans from 30 to 480 degC",
        "m/z (2): 18, 44, signals in A",
        "a scan every 10 s, heated by 60.0 degC a minute",
        "gap: no scan between 230 and 300 degC",
        "saturated? m/z 18 stay at their highest value",
        "note: m/z of gases by name: 'CO2' 44",
        "18 H2O",
    ):
        assert phrase in shown, phrase


def test_drift_of_the_mass_scale_is_snapped_and_profiles_are_not(tmp_path: Path) -> None:
    rows = [f"{s},{30 + s},{m + 0.02 * s},{m}" for s in range(9) for m in (18.1, 28.05, 44.1)]
    run = load(("t/s,T/°C,amu,counts\n" + "\n".join(rows)).encode(), tmp_path)
    assert run.mz.tolist() == [18, 28, 44]
    assert any("0.26 off a whole number" in note for note in run.notes)
    rows = [f"{s},{30 + s},{m},{m}" for s in range(9) for m in (17.9, 18.0, 18.1, 44.2)]
    run = load(("t/s,T/°C,amu,counts\n" + "\n".join(rows)).encode(), tmp_path)
    assert run.mz.tolist() == [17.9, 18.0, 18.1, 44.2]


@pytest.mark.parametrize("times", ["one for each scan", "one for each reading"])
def test_m_z_in_any_order_within_scans(times: str, tmp_path: Path) -> None:
    order = (44.0, 2.0, 32.0, 18.0, 4.0)
    rows = []
    for scan in range(7):
        for place, mz in enumerate(order):
            time = scan * 10.0 + (0 if times == "one for each scan" else place)
            rows.append(f"{time},{30 + 5 * scan},{mz},{scan * 100 + mz}")
    run = load(("t/s,T/°C,amu,counts\n" + "\n".join(rows)).encode(), tmp_path)
    assert run.mz.tolist() == sorted(order)
    np.testing.assert_allclose(run.abundance, 100 * np.arange(7)[:, None] + run.mz)


def test_ascending_scans_of_m_z_of_their_own_stay_apart(tmp_path: Path) -> None:
    cycle = (*np.arange(2.0, 20.0), *np.arange(13.5, 30.0))
    rows = [f"{i / 10},{30 + i},{mz},{i}" for i, mz in enumerate(cycle * 3)]
    run = load(("t/s,T/°C,amu,counts\n" + "\n".join(rows)).encode(), tmp_path)
    assert run.abundance.shape == (6, len(cycle))


def test_times_of_day_pass_midnight(tmp_path: Path) -> None:
    clock = ["23:59:50", "23:59:55", "00:00:00", "00:00:05"]
    for date in ("28.11.2022 {}", "2022-11-28T{}Z", "28-Nov-2022 {}", "{}"):
        rows = [f"{date.format(c)}\t{30 + i}\t1e-9\t2e-9" for i, c in enumerate(clock)]
        run = load(("Time\tT/°C\t18\t44\n" + "\n".join(rows)).encode(), tmp_path)
        assert run.time is not None
        assert run.time.tolist() == [0, 5, 10, 15]
    rows = [f"0{i}:30\t{30 + i}\t1e-9\t2e-9" for i in range(4)]
    with pytest.raises(InputError, match="row 2, column 'Time': holds the text '00:30'"):
        load(("Time\tT/°C\t18\t44\n" + "\n".join(rows)).encode(), tmp_path)
