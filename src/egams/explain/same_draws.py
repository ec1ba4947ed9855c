"""The calibrated ensemble on versions of one run, all from the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.ensemble.bundle import Bundle
from egams.families import FAMILIES
from egams.models.predictor import Evidence, Predictor
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.context import Context
from egams.spectrogram.draw import Draws, draw_each, windows
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns

AT_ONCE = 16
"""Spectrograms that stay in the cache; as many as a bundle draws of one run."""


class SameDraws:
    """A run's draws, to predict versions of it that differ in abundances alone.

    Parameters
    ----------
    bundle
        Whose members and ensemble predict.
    run
        As it is.
    draws, seed
        As `egams.ensemble.bundle.Bundle.predict` has them.
    """

    def __init__(self, bundle: Bundle, run: PreparedRun, draws: int, seed: int) -> None:
        self.bundle, self.run, self.draws = bundle, run, draws
        alone = ResidentRuns.load([run])
        self._lacks = bundle.training_runs.novelty.lacks(Context.decode(alone.context))
        self._drawn = []
        for number, member in enumerate(bundle.members):
            config = member.experiment.spectrogram.for_prediction()
            table = windows(alone, config)
            self._drawn.append(
                draw_each(alone, table, np.zeros(1, np.intp), config, draws, (seed, number))
            )

    def probabilities(
        self,
        versions: Sequence[PreparedRun],
        *,
        draws: int | None = None,
        neighbours: bool = True,
    ) -> FloatArray:
        """Probabilities of the whole ensemble ``[version, family]``.

        Parameters
        ----------
        versions
            Of the run, with the same scans.
        draws
            How many of the draws; None for all.
        neighbours
            Whether what the nearest training runs were labelled counts; else all members get what
            they get of a run that no training run resembles: how frequent each family is.
        """
        draws = self.draws if draws is None else min(draws, self.draws)
        changed = [each for each in versions if each is not self.run]
        found = np.empty((len(versions), len(FAMILIES)))
        same = np.array([each is self.run for each in versions], np.bool_)
        # By itself: beside others, products of matrices would round it in another way.
        found[same] = self._predicted([self.run], draws, neighbours) if same.any() else 0.0
        if changed:
            found[~same] = self._predicted(changed, draws, neighbours)
        return found

    def _predicted(
        self, versions: Sequence[PreparedRun], draws: int, neighbours: bool
    ) -> FloatArray:
        runs = ResidentRuns.load(versions)
        evidence, distance = self._evidence(runs, neighbours)
        contexts = np.asarray(runs.context)
        of_members = []
        for member, drawn in zip(self.bundle.members, self._drawn, strict=True):
            config = member.experiment.spectrogram.for_prediction()
            seen = [each.context(contexts, evidence) for each in member.predictors]
            step = max(1, AT_ONCE // draws)
            parts = []
            for first in range(0, len(versions), step):
                some = slice(first, min(first + step, len(versions)))
                image = render(
                    runs, _of_versions(drawn, draws, some, len(self.run.temperature)), config
                )
                parts.append(_mean(member.predictors, image, [each[some] for each in seen], draws))
            of_members.append(np.concatenate(parts))
        instruments = np.full(len(versions), self.run.instrument)
        lacks = np.repeat(self._lacks, len(versions))
        return self.bundle.ensemble.probabilities(
            np.stack(of_members), instruments, lacks=lacks, distance=distance
        )

    def _evidence(self, runs: ResidentRuns, neighbours: bool) -> tuple[Evidence, FloatArray | None]:
        """What neighbours indicate, and the distance of the nearest training run ``[version]``."""
        predictors = [each for member in self.bundle.members for each in member.predictors]
        distinct = {each.neighbours for each in predictors if each.neighbours is not None}
        coarse = coarse_runs(runs, np.arange(len(runs)))
        if not neighbours:
            return {each: each.evidence_of_none(coarse) for each in distinct}, None
        found, distance = {}, None
        known = self.bundle.whole_neighbours
        if known is not None:
            found[known], _, away = known.evidence_and_nearest(coarse, 1)
            distance = away[:, 0]
        return found | {each: each.evidence(coarse) for each in distinct - {known}}, distance


def _mean(
    predictors: Sequence[Predictor],
    image: Any,
    contexts: Sequence[NDArray[np.float32]],
    draws: int,
) -> FloatArray:
    """Mean over folds and draws ``[version, family]``."""
    given = np.stack(
        [
            each.probabilities(image, np.repeat(context, draws, 0))
            for each, context in zip(predictors, contexts, strict=True)
        ]
    )
    of_folds = given.mean(0, dtype=np.float64)
    return np.asarray(of_folds.reshape(-1, draws, given.shape[2]).mean(1))


def _of_versions(drawn: Draws, draws: int, versions: slice, scans: int) -> Draws:
    """Repeat the first draws of a run for versions of it, which stand one after the other."""
    version = np.repeat(np.arange(versions.start, versions.stop), draws)
    first = np.tile(np.arange(draws), versions.stop - versions.start)
    scan = drawn.scan[first]
    return replace(
        drawn,
        run=version,
        scan=np.where(scan < 0, scan, scan + scans * version[:, None]),
        subtract_baseline=drawn.subtract_baseline[first],
        background_weight=drawn.background_weight[first],
        mz_scale=drawn.mz_scale[first],
        faint_scale=drawn.faint_scale[first],
        helium_scale=drawn.helium_scale[first],
        total_scale=drawn.total_scale[first],
    )
