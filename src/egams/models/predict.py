"""`predict_draws`: runs through trained models, each time from freshly drawn spectrograms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.predictor import Evidence, Predictor
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.draw import draw_each, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns


def predict_draws(
    predictors: Sequence[Predictor],
    runs: ResidentRuns,
    positions: Tensor,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
    *,
    evidence: Evidence | None = None,
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """Predict runs several times, each time from freshly drawn spectrograms.

    The draws of a run depend on `seed` and on the run, not on the runs beside it.

    Parameters
    ----------
    predictors
        Models that see spectrograms of the same kind, the folds of an experiment, say: they are
        shown the same draws.
    positions
        Which of `runs` ``[run]``.
    draws
        Test-time draws.
    seed
        Whole numbers, none negative: see `egams.spectrogram.draw.draw_each`.
    evidence
        As `gather_evidence` gives it for these runs, where several experiments share it.

    Returns
    -------
    NDArray
        Probabilities ``[predictor, draw, run, family]``.

    Raises
    ------
    ConfigError
        If `draws` is below 1.

    Source: the write-up, "Ensembling approach" (16 test-time samples).
    """
    if draws < 1:
        raise ConfigError(f"{draws} test-time draws; expected 1 or more.")
    config = config.for_prediction()
    table = windows(runs, config)
    if evidence is None:
        evidence = gather_evidence(predictors, runs, positions)
    own = runs.context[positions]
    contexts = [predictor.context(own, evidence) for predictor in predictors]
    parts = []
    for batch in torch.split(torch.arange(len(positions)), max(1, batch_size // draws)):
        drawn = draw_each(runs, table, positions[batch], config, draws, seed)
        spectrogram = render(runs, drawn, config)
        given = [
            predictor.probabilities(spectrogram, context[batch].repeat_interleave(draws, 0))
            for predictor, context in zip(predictors, contexts, strict=True)
        ]
        parts.append(torch.stack(given).cpu())
    by_run = torch.cat(parts, 1).view(len(predictors), len(positions), draws, len(FAMILIES))
    return np.asarray(by_run.transpose(1, 2))


def gather_evidence(
    predictors: Iterable[Predictor],
    runs: ResidentRuns,
    positions: Tensor,
    descriptors: list[Tensor] | None = None,
) -> Evidence:
    """Evidence on some runs from the neighbours of all predictors, each computed once.

    Parameters
    ----------
    descriptors
        Of these runs, where they are at hand: see `egams.spectrogram.descriptors.run_descriptors`.
    """
    distinct = {each.neighbours for each in predictors if each.neighbours is not None}
    if descriptors is None and distinct:
        descriptors = run_descriptors(runs, positions)
    return {neighbours: neighbours(descriptors) for neighbours in distinct}
