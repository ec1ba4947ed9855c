"""`egams bundle`: form an ensemble, and pack it into what predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import AtMost, Import, Study


def bundle(
    study: Study,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write, a folder.")],
    ensemble: AtMost = None,
    imports: Import = None,
) -> None:
    """Form an ensemble and pack it to predict.

    Weights, calibration and calls are fitted on out-of-fold predictions alone.
    """
    from egams.artifact import MANIFEST
    from egams.cli.show import say
    from egams.ensemble.bundle import load_bundle
    from egams.report.model_card import write_model_card
    from egams.study.folds import WHOLE
    from egams.study.gather import left_out
    from egams.study.make_bundle import make_bundle
    from egams.study.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    for name, why in left_out(opened, with_weights=True).items():
        say(f"left out: {name}: {why}")
    made = load_bundle(make_bundle(opened, output, at_most=ensemble))
    card = write_model_card(opened, output, at_most=ensemble)
    whole, lacking = made.ensemble.whole, made.ensemble.lacking
    for place, (member, weight) in enumerate(
        zip(made.ensemble.names, whole.stack.weights.tolist(), strict=True)
    ):
        less = "" if lacking is None else f", {lacking.stack.weights[place]:.2f} where data lack"
        say(f"{member}: weight {weight:.2f}{less}")
    for each in made.manifest["members"]:
        if each["folds"] != [WHOLE]:
            say(
                f"{each['experiment']['name']}: models of folds {', '.join(each['folds'])}; none "
                "was trained on all runs (egams cross-validate --whole)"
            )
    for name, clip in whole.clips.items():
        note = whole.clip_notes.get(name)
        say(f"clip of {name}: {clip:g}" + (f" ({note})" if note else ""))
    scores = made.manifest["scores"]
    say(
        f"log loss out of fold: {scores['nested']:.4f} with the ensemble fitted on other folds, "
        f"{scores['in_sample']:.4f} fitted on the same runs, "
        f"{scores['all_members']:.4f} plain mean of all members"
    )
    say(f"{len(made.ensemble.names)} experiments in {output}; see {output / MANIFEST} and {card}")
