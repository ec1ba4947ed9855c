"""One run in every dialect and format: the same run comes back, and the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import vendor_samples as vendor
from egams.ensemble.bundle import Bundle, load_bundle
from egams.ensemble.predictions import RunPrediction
from egams.io import open_source, write_csv
from egams.run import Run
from io_samples import long_table
from prepared_samples import simulated
from table_samples import CHANNELS, NAMES, SIGNALS, Dialect, cells, packed, text_of, workbook_of

DRAWS = 4
Written = Callable[[Run], bytes]
TABLES: dict[str, tuple[str, Written]] = {
    **{
        f"long, {names}": ("x.txt", lambda run, names=names: text_of(run, Dialect(names=names)))
        for names in NAMES
    },
    **{
        f"wide, {header}": (
            "x.csv",
            lambda run, header=header: text_of(run, Dialect(separator=";", channels=header)),
        )
        for header in CHANNELS
    },
    **{
        f"in {signal}": (
            "x.tsv",
            lambda run, signal=signal: text_of(run, Dialect(separator="\t", signal=signal)),
        )
        for signal in SIGNALS
    },
    **{
        f"in {time} and {temp}": (
            "x.txt",
            lambda run, time=time, temp=temp: text_of(
                run, Dialect(decimal=",", separator=";", time=time, temp=temp)
            ),
        )
        for time, temp in (("min", "K"), ("h", "°F"), ("ms", "°C"))
    },
    "UTF-16": ("x.dat", lambda run: text_of(run, Dialect(separator="\t", encoding="utf-16"))),
    "latin-1": ("x.csv", lambda run: text_of(run, Dialect(names="French", encoding="latin-1"))),
    "cp1251": ("x.csv", lambda run: text_of(run, Dialect(names="Russian", encoding="cp1251"))),
    "comments": ("x.csv", lambda run: text_of(run, Dialect(comments=3000, newline="\r"))),
    "packed": ("x.txt.gz", lambda run: packed(text_of(run, Dialect(missing="---")))),
    "workbook, long": ("x.xlsx", lambda run: workbook_of(cells(run, Dialect()))),
    "workbook, wide": ("x.xlsx", lambda run: workbook_of(cells(run, Dialect(channels="m/z {}")))),
    "NETZSCH": ("x.csv", vendor.netzsch),
    "NETZSCH, commas": ("x.txt", lambda run: vendor.netzsch(run, comma=True)),
    "Calisto": ("x.txt", vendor.calisto),
    "SAM": ("x.csv", vendor.sam),
}
"""Files with a temperature."""
SPECTROMETERS: dict[str, tuple[str, Written]] = {
    "Quadera": ("x.asc", vendor.quadera),
    "Quadera, commas": ("x.asc", lambda run: vendor.quadera(run, decimal=",")),
    "QuadStar": ("x.asc", vendor.quadstar),
    "SRS": ("x.txt", vendor.srs),
    "PVMassSpec": ("x.dat", vendor.pvmassspec),
    "ANDI": ("x.cdf", vendor.andi),
    "mzML": ("x.mzML", vendor.mzml),
}
"""Files without: it is joined from a logger's curve."""
FORMATS = [*TABLES, *SPECTROMETERS, "challenge", "PDS", "Parquet"]


def lay(run: Run, form: str, folder: Path) -> tuple[Path, dict[str, object]]:
    """Write the run in a format; return its path, and how to read it."""
    if form == "challenge":
        write_csv(run, folder / "x.csv")
        return folder / "x.csv", {}
    if form == "Parquet":
        import pyarrow.parquet as pq

        pq.write_table(long_table(run), folder / "x.parquet")
        return folder / "x.parquet", {}
    if form == "PDS":
        data, label = vendor.pds(run)
        (folder / "all_1.LBL").write_bytes(label)
        (folder / "X_1.TAB").write_bytes(data)
        return folder / "X_1.TAB", {}
    name, write = (TABLES | SPECTROMETERS)[form]
    (folder / name).write_bytes(write(run))
    if form in TABLES:
        return folder / name, {}
    assert run.time is not None
    points = zip(run.time.tolist(), run.temperature.tolist(), strict=True)
    rows = [f"{time!r}\t{temperature!r}" for time, temperature in points]
    (folder / "logger.txt").write_text("\n".join(["t/s\tT/°C", *rows]), encoding="utf-8")
    return folder / name, {"temperature": folder / "logger.txt", "offset": 0}


@cache
def simulated_run() -> Run:
    return replace(simulated(1), run_id="x", labels=None)


@cache
def bundle() -> Bundle:
    return load_bundle()


@cache
def answer(run: Run) -> RunPrediction:
    return bundle().predict(run, draws=DRAWS)[0]


def check(run: Run, form: str, folder: Path) -> None:
    path, how = lay(run, form, folder)
    source = open_source(path, instrument="commercial", **how)  # type: ignore[arg-type]
    (run_id,) = source.ids
    found = source.load(run_id)
    np.testing.assert_array_equal(found.mz, run.mz)
    assert found.time is not None
    np.testing.assert_allclose(found.scan_time, run.scan_time, atol=2e-3)
    np.testing.assert_allclose(found.scan_temperature, run.scan_temperature, atol=2e-2)
    largest = np.nanmax(run.abundance)
    np.testing.assert_allclose(
        found.abundance / np.nanmax(found.abundance), run.abundance / largest, atol=1e-9
    )
    expected, answered = answer(run), bundle().predict(found, draws=DRAWS)[0]
    apart = np.abs(answered.probabilities - expected.probabilities)
    assert (apart <= 1e-4 + 0.1 * expected.draw_spread).all(), apart.max()
    assert answered.calls.tolist() == expected.calls.tolist()
    assert answered.flags == expected.flags


@pytest.mark.parametrize("form", FORMATS)
def test_a_simulated_run(form: str, tmp_path: Path) -> None:
    check(simulated_run(), form, tmp_path)


@cache
def real_run(folder: Path) -> Run:
    """Without m/z 0, which no program of an instrument exports."""
    run = open_source(folder / "drivendata-mini").load("S0005")
    held = run.mz > 0
    return replace(run, run_id="x", labels=None, mz=run.mz[held], abundance=run.abundance[:, held])


@pytest.mark.real
@pytest.mark.parametrize("form", FORMATS)
def test_a_real_run(form: str, real_data: Path, tmp_path: Path) -> None:
    check(real_run(real_data), form, tmp_path)
