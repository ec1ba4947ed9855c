"""Files spoilt at random, to see that a reader refuses them in words or reads them whole."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import vendor_samples as vendor
from egams.errors import EgamsError
from egams.io import Ramp
from egams.io.sniff import open_source
from egams.run import Run
from egams.run_csv import run_to_csv
from io_samples import commercial, long_table
from table_samples import Dialect, cells, packed, text_of, workbook_of

RUN = commercial("x", 1)


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(long_table(RUN), out)
    return out.getvalue()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", run_to_csv(RUN, unmeasured=True))
    return out.getvalue()


SAMPLES: dict[str, tuple[str, bytes]] = {
    "challenge": ("x.csv", run_to_csv(RUN, unmeasured=True)),
    "long": ("x.csv", text_of(RUN, Dialect(names="German", separator=";", decimal=","))),
    "long, UTF-16": ("x.txt", text_of(RUN, Dialect(separator="\t", encoding="utf-16"))),
    "wide": ("x.tsv", text_of(RUN, Dialect(separator="\t", channels="{} amu", comments=3))),
    "packed": ("x.txt.gz", packed(text_of(RUN, Dialect(names="letters", units="row")))),
    "workbook": ("x.xlsx", workbook_of(cells(RUN, Dialect(channels="m/z {}")))),
    "NETZSCH": ("x.csv", vendor.netzsch(RUN)),
    "Calisto": ("x.txt", vendor.calisto(RUN)),
    "SAM": ("x.csv", vendor.sam(RUN)),
    "Quadera": ("x.asc", vendor.quadera(RUN)),
    "QuadStar": ("x.asc", vendor.quadstar(RUN)),
    "SRS": ("x.txt", vendor.srs(RUN)),
    "PVMassSpec": ("x.dat", vendor.pvmassspec(RUN)),
    "ANDI": ("x.cdf", vendor.andi(RUN)),
    "mzML": ("x.mzML", vendor.mzml(RUN)),
    "PDS table": ("X_1.TAB", vendor.pds(RUN)[0]),
    "PDS label": ("all.LBL", vendor.pds(RUN)[1]),
    "Parquet": ("x.parquet", _parquet()),
    "zip": ("x.zip", _zip()),
    "curve": ("balance.txt", vendor.mettler(RUN)),
    "mapping": ("egams-columns.yaml", b"time: Zeit\ntemp: Probe [K]\nWater: 18\nIndex: unused\n"),
}


def lay(kind: str, data: bytes, folder: Path) -> None:
    """Write a file of a kind, and those that belong to it."""
    (folder / SAMPLES[kind][0]).write_bytes(data)
    if kind == "PDS label":
        (folder / "X_1.TAB").write_bytes(SAMPLES["PDS table"][1])
    if kind == "PDS table":
        (folder / "all.LBL").write_bytes(SAMPLES["PDS label"][1])
    if kind in ("curve", "mapping"):
        (folder / "x.asc").write_bytes(SAMPLES["Quadera"][1])


def read(kind: str, folder: Path) -> Run:
    """Read what `lay` wrote. Anything but a message for people is no `EgamsError`."""
    runs = {"PDS label": "X_1.TAB", "curve": "x.asc", "mapping": "x.asc"}
    path = folder / runs.get(kind, SAMPLES[kind][0])
    temperature = folder / SAMPLES[kind][0] if kind == "curve" else Ramp(10, 30)
    needs = kind in ("Quadera", "QuadStar", "SRS", "PVMassSpec", "ANDI", "mzML", "curve", "mapping")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_source(path, temperature=temperature if needs else None)
        run = source.load(source.ids[0])
    assert np.isfinite(run.abundance[~np.isnan(run.abundance)]).all()
    return run


def outcome(kind: str, data: bytes, folder: Path) -> Run | str:
    """Read a spoilt file: a run, or why not."""
    lay(kind, data, folder)
    try:
        return read(kind, folder)
    except EgamsError as error:
        return str(error)
