"""The steps of the demo: what a user of the library would write, with a line printed for each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import egams
from egams.artifact import remove, write_json, write_text
from egams.cli.show import console, prediction_table, progress_bar, say, say_used, training_bars
from egams.ensemble.bundle import load_bundle
from egams.errors import ConfigError
from egams.evaluate.submission import evaluate_files
from egams.experiments.experiment import Experiment
from egams.experiments.zoo import experiment_named
from egams.extras import load
from egams.report.figure import draw_run
from egams.simulate import SimulationConfig, simulate_challenge
from egams.study.make_bundle import make_bundle

TRAIN_RUNS, UNSEEN_RUNS, FOLDS = 160, 40, 3
# A SAM testbed run of full length has 20 times the readings of a commercial one.
SIMULATION = SimulationConfig(sam_share=0.1, sam_sweeps=60)
SHARES = {"neighbours": 1.0, "lightgbm_evidence": 1.0, "conv1d_evidence": 0.15}

MARK = "demo.json"
CHALLENGE, STORE, STUDY, BUNDLE = "challenge", "train.store", "study", "families.bundle"
PREDICTIONS, SCORES, PICTURE = "predictions.csv", "scores.md", "run.png"
LIBRARY = "library.db"
MADE = (CHALLENGE, STORE, f"{STORE}.partial", STUDY, BUNDLE, PREDICTIONS, SCORES, PICTURE)


def demo_experiments() -> list[Experiment]:
    """Experiments of the compact ensemble, trained for a share of the time they are due."""
    return [experiment_named(name).shortened(share) for name, share in SHARES.items()]


def run_demo(folder: Path, seed: int = 0, jobs: int | None = None) -> None:
    """Go the whole way once, and print what is done: see `egams.cli.demo`.

    Raises
    ------
    ConfigError
        If the folder holds something else, or what trains is not installed.
    """
    load("torch")
    _begin(folder, seed)
    _simulate(folder / CHALLENGE, seed)
    say("\nPrepare the training runs")
    with progress_bar("preparing") as progress:
        reader = egams.read(folder / CHALLENGE, split="train")
        store = egams.prepare(reader, folder / STORE, jobs=jobs, progress=progress)
    say_used(store.instruments.tolist(), store.notes, store.skipped)

    experiments = demo_experiments()
    say(f"\nTrain {len(experiments)} experiments on {FOLDS} folds, and on all runs")
    with training_bars(len(experiments) * (FOLDS + 1)) as report:
        study = egams.cross_validate(
            store,
            experiments,
            folder / STUDY,
            folds=egams.FoldSettings(FOLDS, whole=True),
            seed=seed,
            jobs=jobs,
            report=report,
        )
    bundle = load_bundle(make_bundle(study, folder / BUNDLE))
    members = ", ".join(member.experiment.name for member in bundle.members)
    say(f"weighted on out-of-fold predictions: {members}")

    say("\nPredict the unseen runs")
    with progress_bar("reading") as progress:
        unseen = egams.read(folder / CHALLENGE, split="test")
        predictions = bundle.predict(unseen, seed=seed, jobs=jobs, progress=progress)
    console().print(prediction_table(predictions))
    say_used(predictions.instruments, [run.notes for run in predictions], predictions.skipped)
    predictions.to_csv(folder / PREDICTIONS)

    say("\nScore them against the truth")
    truth = folder / CHALLENGE / "truth" / "test_labels_truth.csv"
    metadata = folder / CHALLENGE / "metadata.csv"
    scores = evaluate_files(folder / PREDICTIONS, truth, metadata).scores
    scores.print(console())
    write_text(folder / SCORES, scores.markdown())
    # The run whose families are surest shows best what a family looks like.
    surest = predictions.run_ids[int(predictions.probabilities.sum(1).argmax())]
    run = egams.io.open_source(folder / CHALLENGE).load(surest)
    draw_run(run, folder / PICTURE, predictions=predictions)
    _finish(folder, seed)


def _begin(folder: Path, seed: int) -> None:
    """Claim the folder; remove what an earlier demo made, unless this one goes on with it."""
    mark = folder / MARK
    if folder.is_dir() and any(folder.iterdir()) and not mark.is_file():
        raise ConfigError(f"{folder}: holds something else. Choose a new folder for the demo.")
    ours = _mark(seed, finished=False)
    if not mark.is_file() or json.loads(mark.read_text(encoding="utf-8")) != ours:
        for name in MADE:
            remove(folder / name)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(mark, ours)


def _mark(seed: int, *, finished: bool) -> dict[str, object]:
    return {"egams_version": egams.__version__, "seed": seed, "finished": finished}


def _simulate(folder: Path, seed: int) -> None:
    total = TRAIN_RUNS + UNSEEN_RUNS
    say(f"Simulate {TRAIN_RUNS} labelled and {UNSEEN_RUNS} unseen runs of both instruments")
    if (folder / "metadata.csv").is_file():  # written last: the folder is complete
        return
    remove(folder)
    with progress_bar("simulating") as progress:
        simulate_challenge(
            folder,
            TRAIN_RUNS,
            0,
            UNSEEN_RUNS,
            np.random.default_rng(seed),
            config=SIMULATION,
            progress=lambda done: progress(done, total),
        )


def _finish(folder: Path, seed: int) -> None:
    write_json(folder / MARK, _mark(seed, finished=True))
    say("\nWritten:")
    for name, what in (
        (CHALLENGE, "the simulated data set, in the layout of the challenge"),
        (STORE, "prepared training runs"),
        (STUDY, "trained members and out-of-fold predictions"),
        (BUNDLE, "the ensemble: egams predict takes it"),
        (PREDICTIONS, "probabilities of the unseen runs"),
        (SCORES, "the table above"),
        (PICTURE, "one unseen run"),
    ):
        say(f"  {folder / name}: {what}")
    say("\nOpen the unseen runs in the browser, until Ctrl-C:")
    unseen = folder / CHALLENGE / "test_features.zip"
    say(f"  egams serve {unseen} --library {folder / LIBRARY}")
