"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from egams.families import Instrument

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="A table of one run (.csv, .txt, .xlsx, ...), a folder or zip of such, a .parquet, or "
        "the challenge's folder.",
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
        help="CSV with sample_id and 0 or 1 for each family; else every *labels*.csv there."
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
        help="Import a module that registers models of your own: its name, or a .py file; may be "
        "given several times.",
    ),
]
ExecutorName = Literal["local", "processes", "ray"]
