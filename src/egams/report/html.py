"""`write_report`: runs, answers and evidence in one file that opens anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from egams import __version__
from egams.artifact import write_text
from egams.ensemble.bundle import Bundle, load_bundle
from egams.errors import InputError
from egams.extras import load
from egams.io import RunSource, SkippedRun
from egams.pool import in_order
from egams.processes import processes
from egams.report.run_page import RunPage, page_of, peak_cells

EVIDENCE_UP_TO = 10
"""Runs of a report for which evidence is sought unasked: it takes seconds a run."""

TEMPLATE = "report.html.j2"

_loaded: dict[str | None, Bundle] = {}


def write_report(
    source: RunSource,
    path: str | Path,
    *,
    bundle: str | Path | None = None,
    evidence: bool | None = None,
    interactive: bool = False,
    jobs: int | None = None,
    options: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SkippedRun]:
    """Write a report: a table of all runs, then a page for each.

    It needs no network and no other file.

    Parameters
    ----------
    source
        The runs.
    path
        HTML file to write.
    bundle
        Folder of what predicts; None for the one that egams ships.
    evidence
        Whether to seek the windows that carry each answer; None for reports of up to 10 runs.
    interactive
        With traces that can be zoomed, by plotly (extra `interactive`): 5 MB more.
    jobs
        Processes; None takes one for each core.
    options
        Of the reader and so on, to be stated.
    progress
        Called with the number of runs that are done, and of all.

    Returns
    -------
    list of SkippedRun
        Runs that could not be used, which the report lists too.

    Raises
    ------
    InputError
        If no run can be used.
    ConfigError
        If plotly is requested and not installed.
    """
    script = _plotly() if interactive else ""
    evidence = len(source.ids) <= EVIDENCE_UP_TO if evidence is None else evidence
    place = None if bundle is None else str(bundle)
    work = partial(_page, place, evidence, interactive)
    pages: list[RunPage] = []
    skipped: list[SkippedRun] = []
    for done, found in enumerate(_in_processes(work, source, jobs), 1):
        if isinstance(found, RunPage):
            pages.append(found)
        else:
            skipped.append(found)
        if progress is not None:
            progress(done, len(source.ids))
    if not pages:
        raise InputError(f"none of {len(skipped)} runs can be used: {skipped[0].reason}")
    manifest = _bundle(place).manifest
    made = {
        "egams": __version__,
        "bundle": f"{manifest['egams_version']}, digest {manifest['sha256'][:16]}",
        "training data": f"{manifest['data'][:16]}, {manifest['study'].get('runs_used')} runs",
        "evidence": "yes" if evidence else "not sought",
        **{name: str(value) for name, value in (options or {}).items() if value is not None},
    }
    write_text(Path(path), _html(source.name, pages, skipped, made, script))
    return skipped


def _page(
    place: str | None, evidence: bool, interactive: bool, one: RunSource
) -> RunPage | SkippedRun:
    loaded, (run_id,) = _bundle(place), one.ids
    return page_of(one, run_id, loaded, evidence=evidence, interactive=interactive)


def _bundle(place: str | None) -> Bundle:
    """Load a bundle once in a process."""
    if place not in _loaded:
        _loaded[place] = load_bundle(place)
    return _loaded[place]


def _in_processes(
    work: Callable[[RunSource], RunPage | SkippedRun], source: RunSource, jobs: int | None
) -> Iterator[RunPage | SkippedRun]:
    count, each = processes(jobs, len(source.ids)), (source.only([run]) for run in source.ids)
    return map(work, each) if count == 1 else in_order(work, each, count, start="spawn")


def _html(
    name: str,
    pages: list[RunPage],
    skipped: list[SkippedRun],
    made: Mapping[str, str],
    script: str,
) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("egams.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["svg"] = lambda page: Markup(page.picture)
    environment.filters["cells"] = peak_cells
    environment.filters["numbers"] = lambda page: Markup(_in_script(page.curves))
    return environment.get_template(TEMPLATE).render(
        name=Path(name).name or name,
        pages=list(enumerate(pages, 1)),
        skipped=skipped,
        made=made,
        script=Markup(script),
        evidence=made["evidence"] == "yes",
    )


def _in_script(content: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return re.sub(r"[<>&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(content))


def _plotly() -> str:
    """The library's script, from its wheel."""
    load("plotly")
    return resources.files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")
