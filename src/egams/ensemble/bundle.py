"""A bundle: the chosen members of a study, their clips, and where they come from."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.artifact import MANIFEST, header, write_json, written_whole
from egams.ensemble.average import mean_probability
from egams.ensemble.clip import choose_clip, clip_probabilities, nested_clip, run_clips
from egams.ensemble.selection import NestedSelection, Selection, nested_selection, select_members
from egams.errors import ArtifactError, ConfigError
from egams.families import FAMILIES, Instrument
from egams.logloss import mean_log_loss
from egams.training.folds import SAM_FOLD
from egams.training.study import MEMBER, Study

KIND = "bundle"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class StudyPredictions:
    """Out-of-fold predictions of a study beside the truth.

    Parameters
    ----------
    names
        Experiments that finished every fold ``[member]``.
    run_ids, instruments, folds
        ``[run]``.
    labels
        ``[run, family]``.
    probabilities
        ``[member, draw, run, family]``.
    """

    names: tuple[str, ...]
    run_ids: tuple[str, ...]
    instruments: NDArray[np.str_]
    folds: NDArray[np.intp]
    labels: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def mean_over_draws(self) -> NDArray[np.float64]:
        """``[member, run, family]``."""
        mean: NDArray[np.float64] = self.probabilities.mean(1, dtype=np.float64)
        return mean


def study_predictions(study: Study, *, sam_fold: bool = False) -> StudyPredictions:
    """Gather the out-of-fold predictions of every experiment that finished all folds.

    Parameters
    ----------
    sam_fold
        Those of fold "sam" (trained on commercial runs, tested on SAM) instead.

    Raises
    ------
    ArtifactError
        If no experiment has finished.
    """
    truth = study.truth()
    wanted = [SAM_FOLD] if sam_fold else [str(fold) for fold in range(study.manifest["folds"])]
    names = [name for name in study.experiments() if set(wanted) <= set(study.folds_done(name))]
    if not names:
        raise ArtifactError(
            f"{study.folder}: no experiment has finished {'fold ' if sam_fold else 'folds '}"
            f"{', '.join(wanted)}. Cross-validate first."
        )
    gathered = [study.out_of_fold(name, wanted) for name in names]
    run_ids = gathered[0].run_ids
    return StudyPredictions(
        names=tuple(names),
        run_ids=run_ids,
        instruments=np.array([truth[run].instrument for run in run_ids]),
        folds=np.array([wanted.index(fold) for fold in gathered[0].fold], dtype=np.intp),
        labels=np.array([truth[run].labels for run in run_ids], dtype=np.float32),
        probabilities=np.stack([entry.probabilities for entry in gathered]),
    )


@dataclass(frozen=True)
class Ensemble:
    """What was chosen, and what the same way of choosing scores on runs it did not see.

    Parameters
    ----------
    selection
        Members chosen on all out-of-fold predictions.
    nested
        Members chosen without each fold, scored on it.
    clips
        Clip of each instrument.
    notes
        Why a clip is what it is.
    scores
        Mean log loss: ``chosen`` (members and clips chosen on the runs they are scored on),
        ``nested`` (chosen on the other folds), ``all_members`` (nothing chosen, no clip).
    """

    selection: Selection
    nested: NestedSelection
    clips: dict[Instrument, float]
    notes: dict[str, str]
    scores: dict[str, float]


def choose_ensemble(predictions: StudyPredictions) -> Ensemble:
    """Choose members by forward selection, and clips, on out-of-fold predictions only."""
    truth, mean = predictions.labels, predictions.mean_over_draws
    selection = select_members(truth, mean, predictions.names)
    nested = nested_selection(truth, mean, predictions.names, predictions.folds)
    members = [predictions.names.index(name) for name in selection.members]
    chosen = mean_probability(mean[members])
    clips = choose_clip(truth, chosen, predictions.instruments)
    by_instrument = {name: choice.clip for name, choice in clips.items()}
    clipped = clip_probabilities(chosen, run_clips(predictions.instruments, by_instrument))
    nested_clipped = nested_clip(
        truth, nested.probabilities, predictions.instruments, predictions.folds
    )
    return Ensemble(
        selection=selection,
        nested=nested,
        clips=by_instrument,
        notes={name: choice.note for name, choice in clips.items() if choice.note},
        scores={
            "chosen": mean_log_loss(truth, clipped),
            "nested": mean_log_loss(truth, nested_clipped.probabilities),
            "all_members": mean_log_loss(truth, mean_probability(mean)),
        },
    )


def make_bundle(study: Study | str | Path, output: str | Path) -> Path:
    """Put the chosen members of a study, all folds of each, into a folder that predicts.

    Holds safetensors, LightGBM's text format and JSON: nothing in it is run when it is loaded.

    Raises
    ------
    ArtifactError
        If the study is not finished.
    ConfigError
        If the folder exists and holds something else.
    """
    opened = study if isinstance(study, Study) else Study.open(study)
    output = Path(output)
    if output.exists() and not _is_bundle(output):
        raise ConfigError(f"{output}: exists and is no bundle. Choose another name.")
    ensemble = choose_ensemble(study_predictions(opened))
    experiments = opened.experiments()
    folds = [str(fold) for fold in range(opened.manifest["folds"])]
    with written_whole(output) as temporary:
        for name in ensemble.selection.members:
            for fold in folds:
                source = opened.member_folder(name, fold)
                target = temporary / name / f"fold-{fold}"
                target.mkdir(parents=True)
                for file in source.iterdir():
                    if file.suffix in {".safetensors", ".txt"} or file.name == MEMBER:
                        shutil.copy(file, target / file.name)
        manifest = _manifest(opened, ensemble, experiments, folds)
        files = file_hashes(temporary)
        manifest |= {"files": files, "same_as": _keep_one_of_each(temporary, files)}
        write_json(temporary / MANIFEST, manifest)
    return output


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


def member_files(
    bundle: Path, manifest: dict[str, Any], experiment: str, fold: str
) -> dict[str, Path]:
    """Where the files of a member are, by name."""
    place = f"{experiment}/fold-{fold}/"
    own = {path: path for path in manifest["files"]}
    everything = own | manifest["same_as"]
    return {
        path.removeprefix(place): bundle / stands
        for path, stands in everything.items()
        if path.startswith(place)
    }


def file_hashes(bundle: Path) -> dict[str, str]:
    """Hash every file in the folders of a bundle, by path relative to it."""
    files = sorted(path for path in bundle.glob("*/**/*") if path.is_file())
    return {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _is_bundle(folder: Path) -> bool:
    # A bundle of any format: one that this egams cannot read may still be replaced.
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == KIND


def _manifest(
    study: Study, ensemble: Ensemble, experiments: dict[str, Any], folds: list[str]
) -> dict[str, Any]:
    members = [
        {
            "experiment": experiments[name].model_dump(mode="json"),
            "folds": folds,
        }
        for name in ensemble.selection.members
    ]
    return header(KIND, FORMAT_VERSION) | {
        "families": list(FAMILIES),
        "members": members,
        "clips": ensemble.clips,
        "clip_notes": ensemble.notes,
        "draws": study.manifest["draws"],
        "scores": {name: round(score, 5) for name, score in ensemble.scores.items()},
        "score": "mean log loss, out of fold",
        "data": study.manifest["data"],
        "study": {key: study.manifest[key] for key in ("folds", "seed", "draws", "runs_used")},
    }
