"""Training of the boosters, on several random spectrograms of each run."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.arrays import IntArray, to_numpy
from egams.experiments.experiment import Experiment
from egams.extras import load
from egams.families import FAMILIES
from egams.jobs.stopping import StoppedError
from egams.models.trees import (
    CatboostConfig,
    LightgbmConfig,
    TreeSettings,
    TreesPredictor,
    features,
    logits_to_add_to,
)
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.spectrogram.draw import draw, stream, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns
from egams.training.checkpoint import made_for, read_checkpoint, write_checkpoint
from egams.training.controls import Controls
from egams.training.forests import from_catboost, from_lightgbm


def train_lightgbm(
    experiment: Experiment, runs: ResidentRuns, positions: IntArray, seed: int, controls: Controls
) -> TreesPredictor:
    """Train one booster a family on `model.renders` spectrograms of each run, a `Trainer`."""
    import lightgbm

    model = experiment.model
    assert isinstance(model, LightgbmConfig)
    data, target = _drawn(experiment, runs, positions, seed, with_context=model.context)
    settings = _lightgbm_settings(model, seed)
    table_of_rows = lightgbm.Dataset(data, params=settings).construct()
    context = to_numpy(runs.context)[positions]
    # Without evidence LightGBM starts from the base rate itself: a start at zero would leave a
    # family that no run has at 0.5.
    with_evidence = context.shape[1] > CONTEXT_FEATURES
    start = np.tile(logits_to_add_to(context).astype(np.float64), (model.renders, 1))
    purpose = made_for(runs, positions, seed, model=model, spectrogram=experiment.spectrogram)
    boosters, checkpoint = [], controls.checkpoint
    if checkpoint is not None and checkpoint.is_file():
        texts = read_checkpoint(checkpoint, purpose)["boosters"]
        boosters = [lightgbm.Booster(model_str=text) for text in texts]
    for number in range(len(boosters), len(FAMILIES)):
        table_of_rows.set_label(np.ascontiguousarray(target[:, number]))
        if with_evidence:
            table_of_rows.set_init_score(np.ascontiguousarray(start[:, number]))
        boosters.append(lightgbm.train(settings, table_of_rows, model.trees))
        if controls.progress is not None:
            controls.progress(number + 1, len(FAMILIES), float("nan"))
        if len(boosters) < len(FAMILIES) and controls.stop():
            if checkpoint is not None:
                texts = [booster.model_to_string() for booster in boosters]
                write_checkpoint(checkpoint, purpose, {"boosters": texts})
            raise StoppedError(f"stopped after {number + 1} of {len(FAMILIES)} boosters")
    forest = from_lightgbm([booster.model_to_string() for booster in boosters])
    return TreesPredictor(forest, model)


def _lightgbm_settings(model: LightgbmConfig, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "learning_rate": model.learning_rate,
        "num_leaves": model.leaves,
        "min_data_in_leaf": model.fewest_in_leaf,
        "feature_fraction": model.feature_share,
        "bagging_fraction": model.row_share,
        "bagging_freq": 1,
        "lambda_l2": model.l2,
        "num_threads": torch.get_num_threads(),
        "max_bin": 63,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }


def train_catboost(
    experiment: Experiment, runs: ResidentRuns, positions: IntArray, seed: int, _controls: Controls
) -> TreesPredictor:
    """Train one model of all families on `model.renders` spectrograms of each run, a `Trainer`."""
    model, library = experiment.model, load("catboost")
    assert isinstance(model, CatboostConfig)
    data, target = _drawn(experiment, runs, positions, seed, with_context=True)
    # CatBoost refuses a family that all runs or none have. Two more runs like the mean of all, one
    # with every family and one with none, keep each possible.
    data = np.vstack([data, data.mean(0), data.mean(0)])
    target = np.vstack([target, np.ones_like(target[:1]), np.zeros_like(target[:1])])
    booster = library.CatBoost(
        {
            "loss_function": "MultiLogloss",
            "iterations": model.trees,
            "depth": model.depth,
            "learning_rate": model.learning_rate,
            "rsm": model.feature_share,
            "bootstrap_type": "Bernoulli",
            "subsample": model.row_share,
            "l2_leaf_reg": model.l2,
            "border_count": 63,
            "thread_count": torch.get_num_threads(),
            "random_seed": seed % 2**31,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    booster.fit(data, target)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trees.json"
        booster.save_model(str(path), format="json")
        forest = from_catboost(json.loads(path.read_bytes()))
    return TreesPredictor(forest, model)


def _drawn(
    experiment: Experiment,
    runs: ResidentRuns,
    positions: IntArray,
    seed: int,
    *,
    with_context: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features ``[render * run, feature]`` and labels ``[render * run, family]``."""
    model, spectrogram = experiment.model, experiment.spectrogram
    assert isinstance(model, TreeSettings)
    generator = stream(b"renders", (seed,))
    table = windows(runs, spectrogram)
    context = to_numpy(runs.context)[positions]
    rows, labels = [], []
    for _ in range(model.renders):
        draws = draw(table, positions, spectrogram, generator, partners=positions)
        image = render(runs, draws, spectrogram)
        rows.append(features(image, context, with_context=with_context))
        labels.append(to_numpy(mixed_labels(runs, draws)))
    return np.concatenate(rows), np.concatenate(labels)
