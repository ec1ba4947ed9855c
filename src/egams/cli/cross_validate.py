"""`egams cross-validate`: train experiments, predict the held-out runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Jobs, Seed

ALL_BUILT_IN = "compact"


def cross_validate(
    *,
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Store that egams prepare wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the study.")],
    experiment: Annotated[
        list[str],
        typer.Option(
            help=f"Name (see egams experiments), file.json, or '{ALL_BUILT_IN}' for all that are "
            "built in; may be given several times."
        ),
    ] = [ALL_BUILT_IN],  # noqa: B006 - typer wants the default itself
    folds: Annotated[int, typer.Option(min=2, help="Folds.")] = 4,
    grouped: Annotated[
        bool, typer.Option("--grouped", help="Keep near-duplicate runs in one fold.")
    ] = False,
    sam_fold: Annotated[
        bool, typer.Option("--sam-fold", help="Also train on commercial runs and test on SAM.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Also train on all runs, for a bundle to predict with.")
    ] = False,
    sam_sources: Annotated[
        Path | None,
        typer.Option(
            help="Store of SAM testbed runs without labels, whose backgrounds make some commercial "
            "runs SAM-like."
        ),
    ] = None,
    seed: Seed = 0,
    draws: Annotated[int, typer.Option(min=1, help="Test-time draws of each held-out run.")] = 16,
    epochs_share: Annotated[
        float, typer.Option(min=0, help="Train for this share of the epochs (or trees), for tries.")
    ] = 1.0,
    jobs: Jobs = None,
) -> None:
    """Train experiments and predict the held-out runs.

    Each run is predicted by models that were not trained on it. Folds that are finished are kept,
    trainings that were stopped resume.
    """
    from egams.cli.show import say, training_bars
    from egams.ensemble.gather import study_predictions
    from egams.evaluate.metrics import mean_log_loss
    from egams.training.cross_validation import cross_validate as train
    from egams.training.experiment import COMPACT, experiment_named

    names = [
        name for given in experiment for name in (COMPACT if given == ALL_BUILT_IN else [given])
    ]
    chosen = [experiment_named(name) for name in dict.fromkeys(names)]
    if epochs_share != 1:
        chosen = [entry.shortened(epochs_share) for entry in chosen]
    with training_bars(len(chosen) * (folds + sam_fold + whole)) as report:
        study = train(
            store,
            chosen,
            output,
            folds=folds,
            grouped=grouped,
            sam_fold=sam_fold,
            whole=whole,
            sam_sources=sam_sources,
            seed=seed,
            draws=draws,
            jobs=jobs,
            report=report,
        )
    scored = study_predictions(study)
    for name, probabilities in zip(scored.names, scored.mean_over_draws, strict=True):
        say(f"{name}: log loss {mean_log_loss(scored.labels, probabilities):.4f} out of fold")
    say(f"{len(scored.names)} experiments in {output}")
