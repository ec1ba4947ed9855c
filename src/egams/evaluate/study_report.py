"""The report of a study: every table in its own files, and one page that holds them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from egams import __version__
from egams.artifact import write_text
from egams.evaluate.table import Table
from egams.study.study import Study

PAGE = "report.md"

SECTIONS: dict[str, tuple[str, str]] = {
    "scores": ("The ensemble", "How good its probabilities are, with intervals."),
    "experiments": ("Experiments", "How good each is alone, and how far behind the best."),
    "parts": ("Families and instruments", "Where the ensemble and each experiment are good."),
    "ensemble-size": ("Ensemble size", "What each added model brings: the write-up's first table."),
    "ensemble-limits": ("Ensembles of few", "How good an ensemble of at most so many is."),
    "draws": ("Test-time draws", "What more draws bring: the write-up's second table."),
    "weights": ("Weights", "How much each experiment weighs in the ensemble."),
    "clips": ("Clips", "What holding probabilities off 0 and 1 brings, for each instrument."),
    "calls": ("Calls", "How often present and absent are called wrongly, and how often neither."),
    "lacking": ("Runs that lack data", "How good the ensemble is where less was measured."),
    "correlation-logits": ("Likeness", "How alike the predictions of experiments are."),
    "correlation-errors": ("Likeness of errors", "How alike the errors of experiments are."),
    "sam-fold": ("Fold 'sam'", "How experiments do on SAM when they have seen none of it."),
    "left-out": ("Left out", "Which experiments are not in these tables, and why."),
}
"""Title of each table and what it shows, in the order of the page."""


def write_report(
    study: Study,
    tables: Mapping[str, Table],
    folder: Path,
    pictures: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Write each table as ``NAME.md`` and ``NAME.parquet``, and all of them into one page.

    Parameters
    ----------
    study
        That the tables are of.
    tables
        By names of `SECTIONS`.
    folder
        Where to write.
    pictures
        Files in this folder that the page shows, by their titles.

    Returns
    -------
    list of Path
        What was written, the page first.
    """
    metadata = {"egams_version": __version__, "study": study.manifest.model_dump_json()}
    page = folder / PAGE
    paths = [page]
    lines = ["# Report of a study", "", _about(study), ""]
    parts = []
    for name, (title, shows) in SECTIONS.items():
        if name not in tables:
            continue
        markdown, parquet = folder / f"{name}.md", folder / f"{name}.parquet"
        write_text(markdown, tables[name].markdown())
        tables[name].to_parquet(parquet, metadata)
        paths += [markdown, parquet]
        lines.append(f"- **{title}** ([{name}]({name}.md)): {shows}")
        parts += ["", f"## {title}", "", f"*{shows}*", "", tables[name].markdown().rstrip()]
    for title, picture in (pictures or {}).items():
        lines.append(f"- **{title}** ([{picture.name}]({picture.name}))")
        parts += ["", f"## {title}", "", f"![{title}]({picture.name})"]
    write_text(page, "\n".join([*lines, *parts, ""]))
    return paths


def _about(study: Study) -> str:
    manifest = study.manifest
    kinds = Counter(entry.instrument for entry in study.truth().values())
    runs = ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))
    groups = "near-duplicates in one fold" if manifest.grouped_below else "dealt one by one"
    return (
        f"egams {__version__}; {manifest.runs_used} labelled runs ({runs}) in "
        f"{manifest.folds} folds, {groups}; {manifest.draws} test-time draws; seed "
        f"{manifest.seed}; data `{manifest.data}`. Mean log loss over the ten families, "
        "lower is better, unless a column is named otherwise."
    )
