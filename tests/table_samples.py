"""A run written in any dialect of a table, for the tests of `egams.io.tables`."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from egams.run import Run

NAMES = {  # without units
    "plain": ("time", "temp", "mz", "intensity"),
    "English": ("Elapsed time", "Sample Temperature", "Mass", "Ion Current"),
    "German": ("Zeit", "Probentemperatur", "Masse", "Ionenstrom"),
    "French": ("Temps", "Température", "Masse", "Intensité"),
    "Russian": ("Время", "Температура", "Массы", "Интенсивность"),
    "letters": ("t", "T", "m/z", "Abundance"),
}
TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0, "ms": 1e-3}
TEMPS = {
    "°C": lambda t: t,
    "K": lambda t: t + 273.15,
    "°F": lambda t: t * 1.8 + 32,
}
SIGNALS = {"A": 1.0, "nA": 1e-9, "mbar": 1.0, "Torr": 1.33322368, "counts": 1.0}
UNIT_STYLES = {"[]": "{} [{}]", "()": "{} ({})", "/": "{}/{}", ",": "{}, {}", "row": "{}"}
CHANNELS = ("m/z {}", "{} amu", "I({})", "mass {}", "QMID(s:1|m:{})", "M{}", "{}")


@dataclass(frozen=True)
class Dialect:
    """How to write a run."""

    separator: str = ","
    decimal: str = "."
    names: str = "English"
    units: str = "[]"
    time: str = "s"
    temp: str = "°C"
    signal: str = "A"
    encoding: str = "utf-8"
    newline: str = "\n"
    comments: int = 0
    order: tuple[int, ...] = (0, 1, 2, 3)
    channels: str | None = None
    missing: str = ""
    extra: bool = False


def cells(run: Run, dialect: Dialect) -> list[list[str]]:
    """Header, units where they have a row, and rows; a wide table if channels have a header."""
    assert run.time is not None
    of_unit = (dialect.time, dialect.temp, "", dialect.signal)
    time, temp = run.time / TIMES[dialect.time], TEMPS[dialect.temp](run.temperature)
    signal = run.abundance / SIGNALS[dialect.signal]
    name = NAMES[dialect.names]

    def header(place: int, text: str) -> str:
        if not of_unit[place] or dialect.units == "row":
            return text
        # Quoted where the separator is a comma too.
        return UNIT_STYLES[dialect.units].format(text, of_unit[place])

    if dialect.channels is None:
        columns = [header(place, name[place]) for place in range(4)]
        rows = [
            [time[scan], temp[scan], mz, signal[scan, place]]
            for scan in range(len(time))
            for place, mz in enumerate(run.mz)
        ]
        units, order = list(of_unit), list(dialect.order)
    else:
        columns = [header(0, name[0]), header(1, name[1])]
        columns += [header(3, dialect.channels.format(f"{mz:g}")) for mz in run.mz]
        rows = [[time[i], temp[i], *signal[i]] for i in range(len(time))]
        units = [*of_unit[:2], *[dialect.signal] * run.mz.size]
        order = sorted(range(len(columns)), key=lambda i: (dialect.order[i % 4], i))
    texts = [[dialect.missing if np.isnan(v) else _number(v, dialect) for v in row] for row in rows]
    table = [columns, *([[f"[{u}]" for u in units]] if dialect.units == "row" else []), *texts]
    out = [[row[i] for i in order] for row in table]
    if dialect.extra:
        index = ["Index", *[""] * (dialect.units == "row"), *map(str, range(len(texts)))]
        out = [[first, *row] for first, row in zip(index, out, strict=True)]
    return out


def _number(value: float, dialect: Dialect) -> str:
    return repr(float(value)).replace(".", dialect.decimal)


def text_of(run: Run, dialect: Dialect) -> bytes:
    """The file."""
    mark = dialect.separator

    def line(row: list[str]) -> str:
        return mark.join(f'"{cell}"' if mark in cell else cell for cell in row)

    lines = [f"# measured by hand, line {i}" for i in range(dialect.comments)]
    lines += map(line, cells(run, dialect))
    return (dialect.newline.join(lines) + dialect.newline).encode(dialect.encoding)


def workbook_of(*tables: list[list[str]], names: Sequence[str] = ()) -> bytes:
    """An .xlsx file with cells of numbers and text, a sheet for each table."""
    names = names or [f"sheet {place}" for place in range(1, len(tables) + 1)]
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types, sheets, relations, parts = "", "", "", {}
    for place, (name, table) in enumerate(zip(names, tables, strict=True)):
        part = f"s{place}.xml"
        types += f'<Override PartName="/xl/{part}" ContentType="{kind}.worksheet+xml"/>'
        sheets += f'<sheet name="{escape(name)}" sheetId="{place + 1}" r:id="r{place}"/>'
        relations += f'<Relationship Id="r{place}" Type="{office}/worksheet" Target="{part}"/>'
        rows = "".join(f"<row>{''.join(map(_xml_cell, row))}</row>" for row in table)
        parts[f"xl/{part}"] = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    parts |= {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f"{types}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        f"{sheets}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f"{relations}</Relationships>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return out.getvalue()


def _xml_cell(text: str) -> str:
    try:
        return f"<c><v>{float(text)!r}</v></c>"
    except ValueError:
        return f'<c t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def packed(data: bytes) -> bytes:
    """The file in gzip."""
    return gzip.compress(data)
