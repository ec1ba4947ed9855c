"""`egams cross-validate`: train experiments, predict the held-out runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from egams.cli.options import ExecutorName, Import, Jobs, Seed

Experiments = Annotated[
    list[str],
    typer.Option(
        help="Name, set or pattern (see egams zoo), or a .yaml or .json file; may be given "
        "several times."
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of all of them, as training.epochs=3; may be given several times.",
    ),
]
SamSources = Annotated[
    Path | None,
    typer.Option(
        help="Store of SAM testbed runs without labels, whose backgrounds make some commercial "
        "runs SAM-like."
    ),
]
Compiled = Annotated[
    bool,
    typer.Option(
        "--compile", help="Compile networks: a minute or more a process, then faster steps."
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="25m, 1h30m or seconds: then trainings stop with a checkpoint, and none begins.",
    ),
]
Executor = Annotated[
    ExecutorName | None,
    typer.Option(help="Train in this process, in several (the default), or on a Ray cluster."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Folder that every node can reach (s3://bucket/folder, a shared folder); the "
        "study's folder here becomes a copy of it.",
    ),
]
RayAddress = Annotated[
    str,
    typer.Option(help="auto: the cluster this machine is in; local: one of its own; HOST:PORT"),
]
GpuShare = Annotated[
    float | None,
    typer.Option(min=0, help="With Ray: share of a GPU for each training, such as 0.25."),
]
Tracker = Annotated[
    Literal["tensorboard", "mlflow"] | None,
    typer.Option(help="Also send epochs and scores there while it trains."),
]


def cross_validate(
    *,
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Store that egams prepare wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the study.")],
    experiment: Experiments = ["compact"],  # noqa: B006 - typer wants the default itself
    changes: Changes = None,
    recipe: Annotated[
        str, typer.Option(help="fast, or author: trained as the winning solution was, for days.")
    ] = "fast",
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
    sam_sources: SamSources = None,
    seed: Seed = 0,
    draws: Annotated[int, typer.Option(min=1, help="Test-time draws of each held-out run.")] = 16,
    epochs_share: Annotated[
        float, typer.Option(min=0, help="Train for this share of the epochs (or trees), for tries.")
    ] = 1.0,
    jobs: Jobs = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="Where to train; auto: on a GPU where there is one."),
    ] = "auto",
    compiled: Compiled = False,
    time_budget: TimeBudget = None,
    executor: Executor = None,
    storage: Storage = None,
    ray_address: RayAddress = "auto",
    gpus_per_training: GpuShare = None,
    tracker: Tracker = None,
    imports: Import = None,
) -> None:
    """Train experiments and predict the held-out runs.

    Each run is predicted by models that were not trained on it. Folds that are finished are kept,
    trainings that were stopped resume. Ctrl-C stops with checkpoints, a second one at once.
    """
    from egams.cli.show import say, training_bars
    from egams.experiments.zoo import experiments_named
    from egams.jobs.choose import choose_executor
    from egams.logloss import mean_log_loss
    from egams.study.folds import FoldSettings
    from egams.study.gather import study_predictions
    from egams.training.compute import Compute
    from egams.training.cross_validation import cross_validate as train
    from egams.yaml_file import read_setting

    changed = dict(read_setting(each) for each in changes or ())
    chosen = [each.with_settings(changed) for each in experiments_named(experiment, recipe)]
    for key in changed:
        idle = [each.name for each in chosen if each.ignores(key)]
        if idle:
            say(f"'{key}' changes nothing of {', '.join(idle)}")
    if epochs_share != 1:
        chosen = [entry.shortened(epochs_share) for entry in chosen]
    runner = choose_executor(
        executor, jobs, address=ray_address, gpus=gpus_per_training, device=device
    )
    settings = FoldSettings(folds, grouped, sam_fold, whole)
    with training_bars(len(chosen) * len(settings.names)) as report:
        study = train(
            store,
            chosen,
            output,
            folds=settings,
            sam_sources=sam_sources,
            seed=seed,
            draws=draws,
            compute=Compute(runner, storage, device, compiled, time_budget),
            report=report,
            tracker=tracker,
        )
    scored = study_predictions(study)
    for name, probabilities in zip(scored.names, scored.mean_over_draws, strict=True):
        say(f"{name}: log loss {mean_log_loss(scored.labels, probabilities):.4f} out of fold")
    say(f"{len(scored.names)} experiments in {output}")
