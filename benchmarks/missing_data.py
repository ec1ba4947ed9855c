"""Runs of which less was measured, out of fold: log loss, calibration, calls.

python benchmarks/missing_data.py STUDY FEATURES METADATA LABELS

The files of the study's runs are cut (some m/z, an early end, a late start of heating) before they
are prepared, and predicted by the members that did not learn from them; the ensemble of each fold
was fitted on the other folds.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.ensemble.calls import call_rates
from egams.ensemble.ensemble import Ensemble, fit_to
from egams.ensemble.novelty import fit_novelty
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.ensemble.unseen import unseen
from egams.evaluate.metrics import calibration_error
from egams.io import read
from egams.logloss import mean_log_loss
from egams.models.predict import predict_draws
from egams.run import Run
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.context import Context
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.gather import lacking_predictions, study_predictions
from egams.study.study import Study
from egams.training.missing import USUAL_MZ

DRAWS = 4
SIX = (18, 28, 32, 36, 44, 64)
EVERYTHING = "everything"


@dataclass(frozen=True)
class Cut:
    """What is left of a run."""

    mz: tuple[int, ...] | None = None
    start_degC: float = -np.inf
    end_degC: float = np.inf

    def of(self, run: Run) -> Run:
        """Return what an instrument would have written that measured no more."""
        temperature = run.scan_temperature
        beyond = np.flatnonzero(temperature > self.end_degC)
        kept = np.arange(len(temperature)) < (beyond[0] if len(beyond) else len(temperature))
        kept &= temperature >= self.start_degC
        mz = np.full(len(run.mz), True) if self.mz is None else np.isin(run.mz, self.mz)
        return replace(
            run,
            time=None,
            temperature=temperature[kept],
            abundance=run.abundance[kept][:, mz],
            mz=run.mz[mz],
        )


CUTS = {
    EVERYTHING: Cut(),
    "24 usual m/z": Cut(USUAL_MZ),
    "6 m/z": Cut(SIX),
    "3 m/z: 18, 44, 64": Cut((18, 44, 64)),
    **{f"heated to {end} degC": Cut(end_degC=end) for end in (900, 800, 700, 600, 500, 400, 300)},
    **{f"heated from {start} degC": Cut(start_degC=start) for start in (100, 200, 300)},
    "6 m/z, heated to 400 degC": Cut(SIX, end_degC=400),
    "18 and 44, heated to 200 degC": Cut((18, 44), end_degC=200),
}


def cut_store(data: list[Path], cut: Cut, output: Path) -> RunStore:
    """Prepare all runs, cut."""
    features, metadata, labels = data
    source = read(features, metadata=metadata, labels=labels)
    return prepare([cut.of(run) for run in source], output, jobs=1)


def predictions_of(
    study: Study, scored: OutOfFoldPredictions, store: RunStore
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """Out-of-fold probabilities ``[member, run, family]``, distance and places of the runs."""
    runs = ResidentRuns.load(store)
    place = {run: position for position, run in enumerate(store.ids)}
    rows = np.array([place.get(run, -1) for run in scored.run_ids])
    found = np.full((len(scored.names), *scored.labels.shape), np.nan)
    distance = np.full(len(rows), np.nan)
    for fold in range(study.manifest.folds):
        held = np.flatnonzero((scored.folds == fold) & (rows >= 0))
        known = None
        for member, name in enumerate(scored.names):
            experiment = study.experiments()[name]
            predictor = study.predictor(experiment, str(fold))
            own = {}
            if predictor.neighbours is not None:
                if known is None:  # every experiment has the same neighbours in a fold
                    coarse = coarse_runs(runs, rows[held])
                    known, _, away = predictor.neighbours.evidence_and_nearest(coarse, 1)
                    distance[held] = away[:, 0]
                own[predictor.neighbours] = known
            (drawn,) = predict_draws(
                [predictor], runs, rows[held], experiment.spectrogram, DRAWS, (0,), evidence=own
            )
            found[member, held] = drawn.mean(0)
    return found, distance, rows


def fitted(scored: OutOfFoldPredictions, lacking: OutOfFoldPredictions, fold: int) -> Ensemble:
    """Fit the ensemble on all folds but one."""
    return fit_to(
        scored.of_runs(scored.folds != fold), lacking=lacking.of_runs(lacking.folds != fold)
    )


def main() -> None:
    """Print a row for each cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("data", type=Path, nargs=3)
    arguments = parser.parse_args()
    study = Study.open(arguments.study)
    scored = study_predictions(study)
    lacking = lacking_predictions(study, scored.names)
    assert lacking is not None, "this study's members predicted no runs that lack data"
    run_ids, contexts = study.contexts()
    truth = study.truth()
    of = [truth[run].instrument for run in run_ids]
    novelty = fit_novelty(contexts, np.zeros(len(run_ids)), of)
    ensembles = [fitted(scored, lacking, fold) for fold in range(study.manifest.folds)]
    base = np.broadcast_to(scored.labels.mean(0), scored.labels.shape)
    print(f"always the base rate: {mean_log_loss(scored.labels, base):.4f}")
    print("| measured | log loss | ECE | wrongly present | wrongly absent | uncertain | runs |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, cut in CUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            store = cut_store(arguments.data, cut, Path(folder) / "cut.store")
            members, distance, rows = predictions_of(study, scored, store)
            described = ResidentRuns.load(store).context
        probabilities = np.full(scored.labels.shape, np.nan)
        calls = np.full(scored.labels.shape, "uncertain")
        for fold, ensemble in enumerate(ensembles):
            held = np.flatnonzero((scored.folds == fold) & (rows >= 0))
            context = Context.decode(np.asarray(described)[rows[held]].astype(np.float64))
            lacks = novelty.lacks(context)
            instruments = store.instruments[rows[held]]
            probabilities[held] = ensemble.probabilities(
                members[:, held], instruments, lacks=lacks, distance=distance[held]
            )
            called = ensemble.calls(
                probabilities[held], instruments, lacks=lacks, distance=distance[held]
            )
            called[(called == "absent") & (unseen(context) != "")] = "uncertain"
            calls[held] = called
        used = rows >= 0
        y, p = scored.labels[used], probabilities[used]
        rates = call_rates(y, calls[used])
        print(
            f"| {name} | {mean_log_loss(y, p):.4f} | {calibration_error(y, p):.4f} "
            f"| {rates.wrongly_present:.1%} | {rates.wrongly_absent:.1%} "
            f"| {rates.uncertain:.1%} | {used.sum()} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
