"""What mkdocs.yml cannot say: pages from all over the repository, and an API without gaps."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = (
    *(
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "docs/*.md",
        "docs/*.png",
        "results/*/*.png",
    ),
    *("results/**/*.md", "src/egams/shipped/README.md"),
)
API = {
    "egams": ("egams",),
    "runs": (
        *("egams.io.source.RunSource", "egams.io.source.RunReader", "egams.io.source.SkippedRun"),
        *("egams.io.Reader", "egams.io.Recording", "egams.io.Account"),
        *("egams.io.write_csv", "egams.errors.EgamsError", "egams.errors.InputError"),
        *("egams.errors.ConfigError", "egams.errors.ContractError", "egams.errors.ArtifactError"),
    ),
    "simulate": (
        *("egams.simulate.SimulationConfig", "egams.simulate.simulate_runs"),
        "egams.simulate.simulate_challenge",
    ),
    "experiments": (
        "egams.experiments.experiment.Experiment",
        "egams.experiments.training_config.TrainingConfig",
        "egams.spectrogram.config.SpectrogramConfig",
        "egams.experiments.zoo.experiment_named",
        "egams.experiments.zoo.experiments_named",
    ),
    "models": (
        *("egams.models.network", "egams.models.layers.DropMz", "egams.models.layers.Head"),
        *("egams.models.layers.with_temperature", "egams.models.layers.mean_and_max"),
    ),
    "ensembles": (
        *("egams.study.gather.study_predictions", "egams.ensemble.ensemble"),
        *("egams.ensemble.bundle.Bundle", "egams.ensemble.predictions"),
        *("egams.explain.explanation", "egams.explain.windows.Window"),
    ),
    "evidence": (
        *("egams.explain.peaks", "egams.explain.traces", "egams.explain.species"),
        *("egams.report.figure", "egams.report.compare", "egams.report.page.Look"),
        "egams.report.html.write_report",
    ),
    "scores": ("egams.evaluate.metrics", "egams.evaluate.submission"),
}
"""Page: what stands on it."""

SELF = {"self", "cls"}

log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give every page the place it has in the repository, so that links are the same in both."""
    found = [file for file in files if file.src_dir != config.docs_dir]
    for path in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        uri = path.relative_to(ROOT).as_posix()
        found.append(File(uri, str(ROOT), config.site_dir, config.use_directory_urls))
    for page, names in API.items():
        text = f"# {page}\n\n" + "\n\n".join(f"::: {name}" for name in names)
        found.append(File.generated(config, f"docs/api/{page}.md", content=text))
    return Files(found)


def on_pre_build(config: MkDocsConfig) -> None:
    """Warn of what is public and not described: strict builds end there."""
    egams = griffe.load(
        "egams",
        search_paths=[str(ROOT / "src")],
        docstring_parser="numpy",
        docstring_options={"warn_unknown_params": False, "warn_missing_types": False},
    )
    for name in (name for names in API.values() for name in names):
        for fault in faults(egams if name == "egams" else egams[name.removeprefix("egams.")]):
            log.warning(fault)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> None:
    """Warn of anything that a reader's browser would fetch from elsewhere."""
    for address in re.findall(r'<(?:script|img|link|iframe)[^>]*"((?:https?:)?//[^"]*)"', output):
        log.warning(f"{page.file.src_uri}: would fetch {address}")


def faults(found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Name what has no docstring, and what a docstring does not describe, or describes in vain."""
    if found.docstring is None:
        yield f"{found.path}: has no docstring"
        return
    described = {name for section in found.docstring.parsed for name in _named(section)}
    expected = set(_expected(found))
    text = found.docstring.value
    for name in sorted(expected - described):
        if f"`{name}`" not in text and "Parameters as `" not in text:
            yield f"{found.path}: does not describe '{name}'"
    for name in sorted(described - expected):
        if name not in found.all_members:
            yield f"{found.path}: describes '{name}', which is not there"
    for name, each in found.members.items():
        if each.is_public and not name.startswith("_") and (each.is_class or each.is_function):
            yield from faults(each)


def _expected(found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Parameters of a function; fields of a class that have no docstring of their own."""
    if found.is_function:
        yield from (each.name.strip("*") for each in found.parameters if each.name not in SELF)
    elif found.is_class:
        for name, each in found.members.items():
            field = each.is_attribute and "instance-attribute" in each.labels
            if field and each.is_public and each.annotation and each.docstring is None:
                yield name
        if "__init__" in found.members:
            yield from _expected(found.members["__init__"])


def _named(section: griffe.DocstringSection) -> list[str]:
    described = {griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes}
    if section.kind not in described:
        return []
    return [name.strip(" *") for entry in section.value for name in entry.name.split(",")]
