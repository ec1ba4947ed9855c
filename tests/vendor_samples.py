"""One run as instruments' programs export it, from descriptions of their formats."""

from __future__ import annotations

import base64
import io
import zlib

import numpy as np
from scipy.io import netcdf_file

from egams.run import Run


def times(run: Run) -> np.ndarray:
    """Seconds of each scan."""
    assert run.time is not None
    return np.asarray(run.scan_time)


def quadera(run: Run, *, names: tuple[str, ...] | None = None, decimal: str = ".") -> bytes:
    """Three columns a channel; `---` where nothing was measured."""
    names = names or tuple(f"{mz:g}" for mz in run.mz)
    head = ["Sourcefile\tx.qmp", "Exporttime\t28/11/2022 15:24:02", ""]
    head += ["Start Time\t28/11/2022 13:51:12", "End Time\t28/11/2022 15:21:44", ""]
    head += ["".join(f"\t\t{name}\t" for name in names)]
    head += ["Time\tTime Relative [s]\tIon Current [A]\t" * len(names)]
    rows = []
    for scan, time in enumerate(times(run)):
        of_day = 13 * 3600 + 51 * 60 + 12 + int(time)
        clock = f"28/11/2022 {of_day // 3600}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
        cells = []
        for value in run.abundance[scan]:
            text = "---" if np.isnan(value) else f"{value:.17e}".replace("e-", "e-0")
            cells += [clock, f"{time:.3f}", text]
        rows.append("\t".join(cells).replace(".", decimal))
    return "\r\n".join([*head, *rows, ""]).encode()


def quadstar(run: Run, *, newline: str = "\r\n") -> bytes:
    """Channels by number, with m/z that drift."""
    names = [f"'0/{i}'" for i in range(run.mz.size)]
    lines = ["ASCII SAMPLE CYCLES", "", "Datablock 0", "Ion Current [A]"]
    lines += [f"{name}  {mz + 0.16:.2f}" for name, mz in zip(names, run.mz, strict=True)]
    lines += ["", "Cycle\tDate\tTime\tRelTime[s]\t" + "\t".join(names)]
    for scan, time in enumerate(times(run)):
        signals = "\t".join("---" if np.isnan(v) else repr(float(v)) for v in run.abundance[scan])
        lines.append(f"{scan + 1}\t11/28/2022\t1:51:12 PM\t{time:.3f}\t{signals}")
    return newline.join([*lines, ""]).encode()


def srs(run: Run) -> bytes:
    """Numbered channels, listed above; the run is in mbar, the file in Torr."""
    torr = run.abundance / 1.33322368
    lines = ["Pressure vs Time Scan Setup:", "Nov 28, 2022  01:51:12 PM", "Units: Torr", ""]
    lines += ["Channel#, Mass, Scan speed"]
    lines += [f"{i}, {mz:.2f}, 3" for i, mz in enumerate(run.mz, 1)]
    lines += ["", "Time(s)  " + "  ".join(f"Channel#{i + 1}" for i in range(run.mz.size))]
    for scan, time in enumerate(times(run)):
        signals = ",  ".join("nan" if np.isnan(v) else repr(float(v)) for v in torr[scan])
        lines.append(f"  {time:.3f},  {signals},")
    return "\r\n".join([*lines, ""]).encode()


def netzsch(run: Run, *, comma: bool = False, encoding: str = "latin-1") -> bytes:
    """Keys, then a header that begins with ##."""
    names = ";".join(f"QMID(s:1|m:{mz:g})/A" for mz in run.mz)
    lines = ["#EXPORTTYPE:DATA ALL", "#FILE:x.ngb", f"#DECIMAL:{'COMMA' if comma else 'POINT'}"]
    lines += ["#SEPARATOR:SEMICOLON", "#SAMPLE:Probe \u00e4", "", f"##Temp./°C;Time/min;{names}"]
    for scan, time in enumerate(times(run)):
        values = [run.temperature[scan], time / 60, *run.abundance[scan]]
        text = ";".join("" if np.isnan(v) else repr(float(v)) for v in values)
        lines.append(text.replace(".", ",") if comma else text)
    return "\r\n".join([*lines, ""]).encode(encoding)


def calisto(run: Run) -> bytes:
    """UTF-16 with tabs."""
    names = "\t".join(f"{mz:g}(A)" for mz in run.mz)
    header = "Index\tTime(s)\tFurnace Temperature(°C)\tSample Temperature(°C)\tTG(mg)\t"
    lines = ["Experiment : x", "", header + names]
    for scan, time in enumerate(times(run)):
        temp = float(run.temperature[scan])
        values = [scan, time, temp + 9, temp, 4.2, *run.abundance[scan]]
        lines.append("\t".join("" if np.isnan(v) else repr(float(v)) for v in values))
    return "\r\n".join([*lines, ""]).encode("utf-16")


def pvmassspec(run: Run) -> bytes:
    """Six lines, then a wide table."""
    header = "Time\tTime Relative (sec)\t" + "\t".join(f"{mz:g}_amu" for mz in run.mz)
    lines = [*["PVMassSpec", "Bin", "a\tb", "", "x", "y"], header]
    for scan, time in enumerate(times(run)):
        values = [time, *run.abundance[scan]]
        cells = "\t".join("" if np.isnan(v) else repr(float(v)) for v in values)
        lines.append(f"11/28/2022 01:51:{int(time) % 60:02d} PM\t{cells}")
    return "\n".join([*lines, ""]).encode()


def sam(run: Run, *, oven: bool = True) -> bytes:
    """Five columns; amu ascend within a scan."""
    lines = ["Time (s),AMU,Pyrolysis Oven Temperature (C),Column Temperature (C),Counts"]
    for scan, time in enumerate(times(run)):
        for place, mz in enumerate(run.mz):
            temp = run.temperature[scan] if oven else -999.0
            lines.append(f"{float(time)!r},{mz},{temp!s},120.0,{run.abundance[scan, place]!s}")
    return "\n".join(lines).encode()


def pds(run: Run) -> tuple[bytes, bytes]:
    """A table with a header that says little, and its label, which describes two tables."""
    lines = ["A,B,C,D"]
    for scan, time in enumerate(times(run)):
        for place, mz in enumerate(run.mz):
            value = run.abundance[scan, place]
            if not np.isnan(value):
                row = (float(time), float(run.temperature[scan]), float(mz), float(value))
                lines.append(",".join(map(repr, row)))
    columns = (("TIME", "SECOND"), ("OVEN_TEMPERATURE", "DEGC"), ("M/Z", ""), ("COUNTS", "COUNTS"))
    label = ["PDS_VERSION_ID = PDS3", '^OTHER_SPREADSHEET = "OTHER.TAB"']
    label += ['^QMS_SPREADSHEET = "X_1.TAB"', "OBJECT = OTHER_SPREADSHEET", "  OBJECT = COLUMN"]
    label += ['    NAME = "THING"', "  END_OBJECT = COLUMN", "END_OBJECT = OTHER_SPREADSHEET"]
    label += ["OBJECT = QMS_SPREADSHEET", "  ROWS = 9"]
    for name, unit in columns:
        label += ["  OBJECT = COLUMN", f'    NAME = "{name}"', f'    UNIT = "{unit}"']
        label += ['    DESCRIPTION = "what = it is"', "  END_OBJECT = COLUMN"]
    label += ["END_OBJECT = QMS_SPREADSHEET", "END"]
    return "\r\n".join(lines).encode(), "\r\n".join(label).encode()


def andi(run: Run) -> bytes:
    """Scans of masses and intensities in netCDF-3; masses a little off, as centroids are."""
    out = io.BytesIO()
    measured = ~np.isnan(run.abundance)
    counts = measured.sum(1)
    with netcdf_file(out, "w", mmap=False) as file:
        file.createDimension("scan_number", counts.size)
        file.createDimension("point_number", int(counts.sum()))
        for name, kind, dimension, values in (
            ("scan_acquisition_time", "d", "scan_number", times(run)),
            ("scan_index", "i", "scan_number", np.cumsum(counts) - counts),
            ("mass_values", "d", "point_number", (run.mz + 0.04 + 0 * run.abundance)[measured]),
            ("intensity_values", "d", "point_number", run.abundance[measured]),
        ):
            file.createVariable(name, kind, (dimension,))[:] = values
        file.flush()
        return out.getvalue()


def mzml(run: Run) -> bytes:
    """Scans of masses and intensities in base64, one packed and one not; a scan of level 2."""
    spectra = []
    for scan, time in enumerate(times(run)):
        held = ~np.isnan(run.abundance[scan])
        mz, signal = run.mz[held] + 0.04, run.abundance[scan][held]
        arrays = ""
        for term, values in (("1000514", zlib.compress(mz.tobytes())), ("1000515", signal)):
            packing = "1000574" if term == "1000514" else "1000576"
            text = base64.b64encode(bytes(values)).decode()
            terms = "".join(f'<cvParam accession="MS:{t}"/>' for t in (term, packing, "1000523"))
            arrays += f"<binaryDataArray>{terms}<binary>{text}</binary></binaryDataArray>"
        spectra += [
            f'<spectrum id="{scan}" defaultArrayLength="{mz.size}">'
            f'<cvParam accession="MS:1000511" value="{level}"/><scanList><scan>'
            f'<cvParam accession="MS:1000016" value="{float(time) / 60!r}" '
            f'unitAccession="UO:0000031"/></scan></scanList>'
            f"<binaryDataArrayList>{arrays}</binaryDataArrayList></spectrum>"
            for level in ((1, 2) if scan == 0 else (1,))
        ]
    head = '<?xml version="1.0"?><mzML xmlns="http://psi.hupo.org/ms/mzml"><run><spectrumList>'
    return f"{head}{''.join(spectra)}</spectrumList></run></mzML>".encode()


def mettler(run: Run) -> bytes:
    """The run's temperature as a thermobalance exports it, stamped at its end."""
    lines = ["Title      28.11.2022 15:28", "_" * 60, "", "Curve Name:"]
    end = 13 * 3600 + 51 * 60 + 12 + int(times(run)[-1])
    stamp = f"{end // 3600}:{end // 60 % 60:02d}:{end % 60:02d}"
    lines += [f"  Performed 28.11.2022 {stamp}", "  Sample Weight", "Curve Values:"]
    lines += ["    Index      t      Ts      Tr     Value", "          [s]    [°C]    [°C]    [mg]"]
    for i, (time, temp) in enumerate(zip(times(run), run.temperature, strict=True)):
        lines.append(f"    {i}    {time:.3f}    {float(temp)!r}    {temp + 3:.3f}    4.17")
    return "\r\n".join([*lines, "", "Results:", "  1 2 3"]).encode("latin-1")
