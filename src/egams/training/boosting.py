"""Training of the boosters: one a family, on several random spectrograms of each run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from egams.families import FAMILIES
from egams.models.boosting import LightgbmConfig, features, logits_to_add_to
from egams.models.predictor import BoosterPredictor
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.spectrogram.draw import draw, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns


def train_boosters(
    model: LightgbmConfig,
    spectrogram: SpectrogramConfig,
    runs: ResidentRuns,
    positions: Tensor,
    seed: int,
    *,
    threads: int = 1,
    progress: Callable[[int, int, float], None] | None = None,
) -> BoosterPredictor:
    """Train one booster a family on `model.renders` spectrograms of each run.

    Parameters
    ----------
    positions
        Which of `runs`, all of them labelled ``[run]``.
    """
    import lightgbm

    generator = torch.Generator(runs.device).manual_seed(seed)
    table = windows(runs, spectrogram)
    context = runs.context[positions]
    rows, labels = [], []
    for _ in range(model.renders):
        draws = draw(runs, table, positions, spectrogram, generator, partners=positions)
        image = render(runs, draws, spectrogram)
        rows.append(features(image, context, with_context=model.context).cpu().numpy())
        labels.append(mixed_labels(runs, draws).cpu().numpy())
    data = np.concatenate(rows)
    target = np.concatenate(labels)
    settings = {
        "objective": "binary",
        "learning_rate": model.learning_rate,
        "num_leaves": model.leaves,
        "min_data_in_leaf": model.fewest_in_leaf,
        "feature_fraction": model.feature_share,
        "bagging_fraction": model.row_share,
        "bagging_freq": 1,
        "lambda_l2": model.l2,
        "num_threads": threads,
        "max_bin": 63,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    table_of_rows = lightgbm.Dataset(data, params=settings).construct()
    # Without evidence LightGBM starts from the base rate itself: a start at zero would leave a
    # family that no run has at 0.5.
    with_evidence = context.shape[1] > CONTEXT_FEATURES
    start = logits_to_add_to(context).repeat(model.renders, 1).double().cpu().numpy()
    boosters = []
    for number, _family in enumerate(FAMILIES):
        table_of_rows.set_label(np.ascontiguousarray(target[:, number]))
        if with_evidence:
            table_of_rows.set_init_score(np.ascontiguousarray(start[:, number]))
        boosters.append(lightgbm.train(settings, table_of_rows, model.trees))
        if progress is not None:
            progress(number + 1, len(FAMILIES), float("nan"))
    return BoosterPredictor(boosters, model)
