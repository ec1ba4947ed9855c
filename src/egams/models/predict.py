"""`predict_draws`: runs through trained models, each time from freshly drawn spectrograms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from egams.arrays import IntArray, to_numpy
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.logloss import refuse_no_probabilities
from egams.models.predictor import Evidence, Predictor
from egams.spectrogram.coarse import CoarseRuns, coarse_runs
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import draw_each, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns

IN_CACHE, ON_GPU = 32, 1024
"""Spectrograms at once."""


def predict_draws(
    predictors: Sequence[Predictor],
    runs: ResidentRuns,
    positions: IntArray,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
    *,
    evidence: Evidence | None = None,
    batch_size: int | None = None,
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
    batch_size
        Spectrograms at once; None takes, on a processor, those that stay in its cache, and on a
        GPU so many that it is busy.

    Returns
    -------
    NDArray
        Probabilities ``[predictor, draw, run, family]``.

    Raises
    ------
    ConfigError
        If `draws` is below 1.
    ArtifactError
        If a model gives what is no probability.

    Source: the write-up, "Ensembling approach" (16 test-time samples).
    """
    if draws < 1:
        raise ConfigError(f"{draws} test-time draws; expected 1 or more.")
    config = config.for_prediction()
    table = windows(runs, config)
    if evidence is None:
        evidence = gather_evidence(predictors, runs, positions)
    own = to_numpy(runs.context)[positions]
    contexts = [predictor.context(own, evidence) for predictor in predictors]
    parts = []
    at_once = max(1, (batch_size or _spectrograms_at_once(runs)) // draws)
    for batch in (slice(k, k + at_once) for k in range(0, len(positions), at_once)):
        drawn = draw_each(runs, table, positions[batch], config, draws, seed)
        spectrogram = render(runs, drawn, config)
        with np.errstate(over="ignore", invalid="ignore"):  # the answer is looked at
            given = [
                predictor.probabilities(spectrogram, np.repeat(context[batch], draws, 0))
                for predictor, context in zip(predictors, contexts, strict=True)
            ]
        parts.append(np.stack(given))
        refuse_no_probabilities(parts[-1], "a trained model")
    by_run = np.concatenate(parts, 1).reshape(-1, len(positions), draws, len(FAMILIES))
    return by_run.transpose(0, 2, 1, 3)


def _spectrograms_at_once(runs: ResidentRuns) -> int:
    return IN_CACHE if str(array_api_compat.device(runs.scans)) == "cpu" else ON_GPU


def gather_evidence(
    predictors: Iterable[Predictor],
    runs: ResidentRuns,
    positions: IntArray,
    coarse: CoarseRuns | None = None,
    found: Evidence | None = None,
) -> Evidence:
    """Evidence on some runs from the neighbours of all predictors, each computed once.

    Parameters
    ----------
    predictors
        With or without neighbours.
    runs, positions
        Prepared runs, and which of them ``[run]``.
    coarse
        These runs in coarse bins, where they are at hand.
    found
        Evidence that is there already, and is not sought again.
    """
    distinct = {each.neighbours for each in predictors if each.neighbours is not None}
    distinct -= set(found or ())
    if not distinct:
        return {}
    described = coarse_runs(runs, positions) if coarse is None else coarse
    return {neighbours: neighbours.evidence(described) for neighbours in distinct}
