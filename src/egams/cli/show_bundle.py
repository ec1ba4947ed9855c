"""What `egams inspect` prints of a bundle."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from egams.cli.show import NARROW, console, lined_table, say
from egams.ensemble.bundle_files import TRAINING_RUNS, BundleManifest, TrainingRuns
from egams.families import FAMILIES


def say_bundle(folder: Path) -> None:
    """Print what a bundle is made of, how good it is, and what it learned from.

    Parameters
    ----------
    folder
        The bundle.

    Raises
    ------
    ArtifactError
        If it is damaged or incomplete.
    """
    manifest = BundleManifest.load(folder)
    manifest.refuse_damaged_files(folder)
    known = TrainingRuns.load(folder / TRAINING_RUNS)
    size = sum((folder / name).stat().st_size for name in manifest.files) / 1e6
    say(f"{folder}: a bundle of {len(manifest.members)} experiments, {size:.1f} MB, undamaged")
    say(f"made by egams {manifest.egams_version}, from data {manifest.data}")
    scores = ", ".join(f"{name} {value:.4f}" for name, value in manifest.scores.items())
    say(f"{manifest.score}: {scores}")
    say(f"{manifest.draws} test-time draws; {len(known.run_ids)} training runs")
    members = lined_table()
    for heading in ("experiment", "model", "trained on folds"):
        members.add_column(heading)
    for member in manifest.members:
        name, kind = member.experiment.name, member.experiment.model.kind
        members.add_row(Text(name), Text(kind), Text(", ".join(member.folds)))
    console(width=NARROW).print(members)
    families = lined_table()
    families.add_column("family")
    families.add_column("training runs with it", justify="right")
    for family, labels in zip(FAMILIES, zip(*known.labels, strict=True), strict=True):
        families.add_row(family.replace("_", " "), str(sum(labels)))
    console(width=NARROW).print(families)
    if (folder / "README.md").is_file():
        say(f"its model card: {folder / 'README.md'}")
