"""What the trained members of a study say of their own training runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egams.errors import ConfigError
from egams.experiments.experiment import Experiment
from egams.models.neighbours import NeighboursConfig
from egams.models.predict import predict_draws
from egams.spectrogram.resident import ResidentRuns
from egams.study.study import Study
from egams.training.neighbours import fit_neighbours

DRAWS = 4


def teachers_of(study: Study, folds: Sequence[str]) -> list[Experiment]:
    """Experiments that can teach: those with evidence of neighbours, which finished all folds.

    Each of their training runs was shown to them with what the other runs say of it, so that they
    had less reason to learn its labels by heart.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = [
        experiment
        for name, experiment in study.experiments().items()
        if experiment.evidence and set(folds) <= set(study.folds_done(name))
    ]
    if not found:
        raise ConfigError(
            f"{study.folder}: no experiment with evidence has finished every fold; expected one "
            "to learn from. Cross-validate 'lightgbm_evidence', say, into this study."
        )
    return found


def teach(
    study: Study,
    teachers: Sequence[Experiment],
    fold: str,
    runs: ResidentRuns,
    positions: Tensor,
    seed: int,
) -> NDArray[np.float32]:
    """Mean probability that members trained without one fold give to the runs they trained on.

    No prediction of a run that a member held out is made or read.

    Parameters
    ----------
    positions
        Runs outside that fold, in the order of the study's folds ``[run]``.

    Returns
    -------
    NDArray
        ``[run, family]``.
    """
    _, from_others = fit_neighbours(NeighboursConfig(), runs, positions)
    given = []
    for experiment in teachers:
        member = study.predictor(experiment, fold)
        assert member.neighbours is not None
        (drawn,) = predict_draws(
            [member],
            runs,
            positions,
            experiment.spectrogram,
            DRAWS,
            (seed,),
            evidence={member.neighbours: from_others},
        )
        given.append(drawn.mean(0))
    return np.asarray(np.mean(given, axis=0, dtype=np.float32))
