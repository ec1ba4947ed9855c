"""`egams plot`: a picture of one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from egams.cli.opening import Opening, opens
from egams.cli.options import (
    BlankTemperature,
    Bundle,
    Force,
    Import,
    Memory,
    Source,
    mz_numbers,
)

if TYPE_CHECKING:
    from egams.ensemble.bundle import Bundle as LoadedBundle
    from egams.io import RunSource
    from egams.report.page import Look
    from egams.run import Run


@opens("labels", "split")
def plot(
    *,
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Picture to write: .png, .svg or .pdf.")
    ],
    run: Annotated[
        list[str] | None,
        typer.Option(
            help="Which run to draw, where the source holds several; given several times, they "
            "are laid over each other."
        ),
    ] = None,
    nearest: Annotated[
        bool,
        typer.Option("--nearest", help="Draw the run against its nearest training run, mirrored."),
    ] = False,
    blank: Annotated[
        Path | None,
        typer.Option(
            help="File of a run without a sample, to draw the run over: scaled and aligned, as "
            "egams predict subtracts it."
        ),
    ] = None,
    blank_temperature: BlankTemperature = None,
    mz: Annotated[
        str | None,
        typer.Option(help="m/z to draw: '18,44,64'. Else the calls and peaks choose."),
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Linear axis; faint traces times a power of ten.")
    ] = False,
    style: Annotated[
        Literal["screen", "paper"],
        typer.Option(help="Size and lettering: 10 inches at 130 dpi, or 7.2 at 300."),
    ] = "screen",
    width: Annotated[
        float | None, typer.Option(min=3.0, max=40.0, help="Width of the picture, inches.")
    ] = None,
    dpi: Annotated[
        int | None, typer.Option(min=50, max=1200, help="Dots an inch of a PNG.")
    ] = None,
    bundle: Bundle = None,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Draw the run without probabilities.")
    ] = False,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence/--no-evidence", help="Mark the windows that carry the calls (seconds)."
        ),
    ] = True,
    opening: Opening,
    force: Force = False,
    imports: Import = None,
    memory: Memory = None,
) -> None:
    """Draw one run, and what a bundle predicts of it; or runs against each other.

    Ion traces over temperature with their baselines and peaks, all m/z, and the answer.
    """
    from egams.cli.asked_mz import lacking_mz, say_lacking
    from egams.cli.blank import blank_of
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say
    from egams.ensemble.bundle import load_bundle
    from egams.errors import ConfigError
    from egams.io import open_source

    if nearest + (blank is not None) + (len(run or []) > 1) > 1:
        raise ConfigError("--nearest, --blank and several --run are different pictures; give one.")
    inputs = (source, blank, blank_temperature, *opening.files, bundle)
    refuse_foreign(output, inputs, force=force)
    how = opening.settings()
    empty = blank_of(blank, blank_temperature, opening)
    if how["temperature"] is None and blank_temperature is not None:
        how["offset"] = None  # of the blank alone
    opened = open_source(source, **how)
    drawn = _named_or_only(opened, run)
    numbers = None if mz is None else mz_numbers(mz)
    settings: dict[str, Any] = {"look": _look(style, width, dpi), "mz": numbers}
    if nearest:
        _draw_nearest(drawn[0], output, load_bundle(bundle), settings)
    elif len(drawn) > 1 or empty is not None:
        _compare(drawn, empty, output, settings | {"linear": linear})
    else:
        loaded = None if data_only else load_bundle(bundle)
        _draw(drawn[0], output, loaded, evidence, settings | {"linear": linear})
    say_lacking(lacking_mz(each, numbers) for each in drawn)
    say(f"{', '.join(each.run_id for each in drawn)} in {output}")


def _look(style: str, width: float | None, dpi: int | None) -> Look:
    from egams.report.page import LOOKS

    look = LOOKS[style]
    return replace(look, width=width or look.width, dpi=dpi or look.dpi)


def _named_or_only(opened: RunSource, named: list[str] | None) -> list[Run]:
    from egams.errors import InputError

    if not named and len(opened.ids) != 1:
        raise InputError(
            f"holds {len(opened.ids)} runs",
            file=opened.name,
            expected="one",
            hint="Name it with --run.",
        )
    return [opened.load(run_id) for run_id in named or opened.ids]


def _draw(
    run: Run,
    output: Path,
    bundle: LoadedBundle | None,
    evidence: bool,
    settings: dict[str, Any],
) -> None:
    from egams.report.figure import draw_run

    if bundle is not None:
        settings["predictions"] = bundle.predict(run)
        settings["explanation"] = bundle.explain(run) if evidence else None
    draw_run(run, output, **settings)


def _draw_nearest(run: Run, output: Path, bundle: LoadedBundle, settings: dict[str, Any]) -> None:
    from egams.errors import ConfigError
    from egams.report.compare import draw_mirrored

    known = bundle.predict(run)[0].nearest
    if not known:
        raise ConfigError("the bundle knows no nearest training runs.")
    draw_mirrored(run, known[0], bundle.training_run(known[0].run_id), output, **settings)


def _compare(runs: list[Run], blank: Run | None, output: Path, settings: dict[str, Any]) -> None:
    from egams.report.compare import draw_overlay, draw_with_blank

    if blank is None:
        draw_overlay(runs, output, **settings)
    else:
        draw_with_blank(runs[0], blank, output, **settings)
