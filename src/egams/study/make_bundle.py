"""A bundle: members of a study and the ensemble they form, in a folder that predicts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from egams.artifact import file_digests, kind_of, written_whole
from egams.ensemble.bundle_files import TRAINING_RUNS, BundleManifest, MemberEntry, TrainingRuns
from egams.ensemble.ensemble import ensemble_scores, fit_to
from egams.ensemble.novelty import fit_novelty
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.neighbours import Neighbours
from egams.models.network import NetworkSettings
from egams.models.onnx_network import NETWORK
from egams.models.registry import registered
from egams.study.folds import WHOLE
from egams.study.gather import knows_all, lacking_predictions, study_predictions
from egams.study.study import Study


def make_bundle(
    study: Study | str | Path, output: str | Path, *, at_most: int | None = None
) -> Path:
    """Put the members of `study` that have weight in its ensemble into a folder, `output`.

    Of each experiment the member trained on all runs, where the study has it (`cross_validate`
    with ``whole``), else one for each fold. Weights, calibration, clips and calls are fitted on
    out-of-fold predictions, also for members trained on all runs: those know more, and their
    calibration errs on the side of caution.

    At most `at_most` experiments, see `egams.ensemble.ensemble.fit_to`; any number if None.

    Holds safetensors, ONNX and JSON: no code in it is run when it is loaded. Networks other than
    `conv1d` are exported to ONNX, and compared with torch.

    Raises
    ------
    ArtifactError
        If the study is not finished, or all of it is known by predictions alone.
    ConfigError
        If the folder exists and holds something else, or a network cannot be exported.
    """
    opened = study if isinstance(study, Study) else Study.open(study)
    output = Path(output)
    if output.exists() and kind_of(output) != BundleManifest.kind:
        raise ConfigError(f"{output}: exists and is no bundle. Choose another name.")
    scored = study_predictions(opened, with_weights=True)
    lacking = lacking_predictions(opened, scored.names)
    ensemble = fit_to(scored, at_most=at_most, lacking=lacking).without_unused()
    if scored.distance is not None and not any(knows_all(opened, name) for name in ensemble.names):
        scored = replace(scored, distance=None)
        ensemble = fit_to(scored, at_most=at_most, lacking=lacking).without_unused()
    each_fold = tuple(str(fold) for fold in range(opened.manifest.folds))
    folds = {
        name: (WHOLE,) if WHOLE in opened.folds_done(name) else each_fold for name in ensemble.names
    }
    with written_whole(output) as temporary:
        for name in ensemble.names:
            for fold in folds[name]:
                target = temporary / name / f"fold-{fold}"
                target.mkdir(parents=True)
                opened.record(name, fold).save(target)
                for file in opened.member_files(name, fold).values():
                    if file.suffix == ".safetensors":
                        shutil.copy(file, target)
                _add_onnx(opened, name, fold, target)
        (temporary / TRAINING_RUNS).mkdir()
        _training_runs(opened).save(temporary / TRAINING_RUNS)
        scores = ensemble_scores(scored, at_most=at_most)
        written = [path for path in temporary.glob("*/**/*") if path.is_file()]
        files = file_digests(temporary, written)
        same_as = _keep_one_of_each(temporary, files)
        experiments, made_from = opened.experiments(), opened.manifest
        BundleManifest(
            families=FAMILIES,
            members=tuple(
                MemberEntry(experiment=experiments[name], folds=of) for name, of in folds.items()
            ),
            ensemble=ensemble,
            draws=made_from.draws,
            scores={name: round(score, 5) for name, score in scores.items()},
            data=made_from.data,
            study=made_from.model_dump(include={"folds", "seed", "draws", "runs_used"}),
            files=files,
            same_as=same_as,
        ).save(temporary)
    return output


def _add_onnx(study: Study, name: str, fold: str, target: Path) -> None:
    """Add what answers without torch, for a network that only torch and ONNX Runtime compute."""
    model = study.experiments()[name].model
    if isinstance(model, NetworkSettings) and registered()[model.kind].answers_in_onnx:
        from egams.models.onnx_export import export_network
        from egams.models.trained_network import NetworkPredictor

        network = NetworkPredictor.load(study.member_files(name, fold), model)
        export_network(network, target / NETWORK, name)


def _keep_one_of_each(bundle: Path, files: dict[str, str]) -> dict[str, str]:
    """Remove files that another one equals; return which stands for which.

    Experiments with evidence hold the same neighbours in the same fold.
    """
    first: dict[str, str] = {}
    same_as = {}
    for path in sorted(files):
        kept = first.setdefault(files[path], path)
        if kept != path:
            same_as[path] = kept
            (bundle / path).unlink()
            del files[path]
    return same_as


def _training_runs(study: Study) -> TrainingRuns:
    run_ids, contexts = study.contexts()
    truth = study.truth()
    nearest = _whole_neighbours(study)
    distance = np.zeros(len(run_ids)) if nearest is None else nearest.among_themselves()
    return TrainingRuns(
        run_ids=run_ids,
        labels=tuple(truth[run].labels for run in run_ids),
        novelty=fit_novelty(contexts, distance, [truth[run].instrument for run in run_ids]),
    )


def _whole_neighbours(study: Study) -> Neighbours | None:
    """Neighbours trained on all runs, of whichever experiment; None if none has any."""
    for name, experiment in study.experiments().items():
        if knows_all(study, name):
            return study.predictor(experiment, WHOLE).neighbours
    return None
