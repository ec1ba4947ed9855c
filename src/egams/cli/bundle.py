"""`egams bundle`: choose members and clips, and pack them into what predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Study


def bundle(
    study: Study,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write, a folder.")],
) -> None:
    """Choose an ensemble and pack it to predict.

    Members and clips are chosen on out-of-fold predictions alone.
    """
    from egams.artifact import MANIFEST
    from egams.cli.show import console, say
    from egams.ensemble.bundle import choose_ensemble, make_bundle, study_predictions
    from egams.evaluate.tables import selection_table
    from egams.training.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    ensemble = choose_ensemble(study_predictions(opened))
    selection_table(ensemble.selection, ensemble.nested).print(console())
    make_bundle(opened, output)
    for name, clip in ensemble.clips.items():
        note = ensemble.notes.get(name)
        say(f"clip of {name}: {clip:g}" + (f" ({note})" if note else ""))
    scores = ensemble.scores
    say(
        f"log loss out of fold: {scores['nested']:.4f} with members and clips chosen on other "
        f"folds, {scores['chosen']:.4f} chosen on the same runs, "
        f"{scores['all_members']:.4f} all members without clip"
    )
    say(f"{len(ensemble.selection.members)} experiments in {output}; see {output / MANIFEST}")
