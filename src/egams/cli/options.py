"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from egams.errors import ConfigError
from egams.families import Instrument

REFUSED = 2
"""Exit status where nothing could be used, or something else was wrong."""
SOME_SKIPPED = 3
"""Exit status where some runs were skipped."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="A table of one run (.csv, .txt, .xlsx, ...), a folder or zip of such, a .parquet, or "
        "the challenge's folder.",
    ),
]
Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...",
        help="Tables of one run each (.csv, .txt, .xlsx, ...), folders or zips of such, a "
        ".parquet, or the challenge's folder. A run id that several of them have is preceded by "
        "the name of its source.",
    ),
]
Metadata = Annotated[
    Path | None,
    typer.Option(
        help="CSV with sample_id, instrument_type and perhaps split; else metadata.csv in the "
        "folder or beside the file."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="Table with sample_id and 0 or 1 for each family (.csv, .xlsx); else every "
        "*labels*.csv and *labels*.xlsx there."
    ),
]
OfInstrument = Annotated[
    Instrument | None,
    typer.Option(
        "--instrument", help="Instrument of runs without metadata; else inferred from the data."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="What the columns of a table are, where headers do not say it: 'time=Zeit/s, "
        "temp=Probe [K], Water=18'; or a .yaml file of such lines. Else egams-columns.yaml beside "
        "the data.",
    ),
]
Temperature = Annotated[
    Path | None,
    typer.Option(
        help="File with the sample's temperature over time, where the run's own has none: a "
        "thermobalance's curve, a logger's table."
    ),
]
Offset = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="From the start of the run to that of the curve or ramp; else by the clocks of both "
        "files, and 0 for a ramp.",
    ),
]
RampRate = Annotated[
    float | None,
    typer.Option(
        "--ramp", metavar="RATE", help="Heated by so many degC a minute, from --start DEGC."
    ),
]
RampStart = Annotated[
    float | None, typer.Option("--start", metavar="DEGC", help="Where the ramp begins.")
]
RampHold = Annotated[
    float, typer.Option("--hold", metavar="MINUTES", help="Held at --start before the ramp.")
]
RampEnd = Annotated[
    float | None, typer.Option("--end", metavar="DEGC", help="Where the ramp ends, and is held.")
]
Split = Annotated[str | None, typer.Option(help="Only runs of this split of the metadata.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first run that cannot be used.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; one for each core if left out.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same machine: same numbers.")]
Study = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Folder that egams cross-validate wrote.")
]
Bundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle", "-b", help="Folder that egams bundle wrote; the shipped one if left out."
    ),
]
AtMost = Annotated[
    int | None,
    typer.Option(
        "--ensemble", min=1, help="Most experiments in the ensemble; any number if left out."
    ),
]


Blank = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A run without sample: scaled, and subtracted at the same temperatures. --details "
        "has the answer without it too.",
    ),
]
BlankTemperature = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Temperature of the blank over time, where its file has none, joined by its clocks or "
        "by --offset; else --ramp.",
    ),
]


def _import(given: list[str] | None) -> list[str] | None:
    from egams.jobs.own_modules import import_own

    for module in given or ():
        import_own(module)
    return given


Import = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        callback=_import,
        help="Import a module that registers models or readers of your own: its name, or a .py "
        "file; may be given several times.",
    ),
]


def _limit(given: str | None) -> str | None:
    from egams.memory import bytes_of, limit

    if given is not None:
        limit(bytes_of(given))
    return given


Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        callback=_limit,
        help="Most memory that reading one run may take in a process, as 500M or 4G; by default "
        "2G, and at most half of the machine's.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a file that egams did not make; never an input.")
]
ExecutorName = Literal["local", "processes", "ray"]


def mz_numbers(text: str) -> list[int]:
    """Read ``18,44`` and ``12-100``.

    Parameters
    ----------
    text
        As it stands behind ``--mz``.
    """
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last.isdigit() or (last == "" and "-" not in part)):
            raise ConfigError(
                f"--mz {text}: '{part}' is no m/z; expected such as 18,44,64 or 12-100."
            )
        found += range(int(first), int(last or first) + 1)
    return found
