"""The beginning of a study: what is known of its runs before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egams.spectrogram.context import context_of
from egams.store.run_store import RunStore
from egams.study.records import StudyManifest, Truth
from egams.study.study import Study


def begin_study(folder: Path, manifest: StudyManifest, store: RunStore) -> Study:
    """Begin a study, or go on with one of the same data, folds and seed.

    Keeps labels, instruments and contexts of the labelled runs of `store`.

    Raises
    ------
    ArtifactError
        If the folder holds a study of something else.
    """
    study = Study.create(folder, manifest)
    labelled = np.flatnonzero(store.labelled).tolist()
    instruments, labels = store.instruments.tolist(), store.labels
    study.keep_truth(
        {
            store.ids[position]: Truth(instruments[position], tuple(labels[position].tolist()))
            for position in labelled
        }
    )
    study.keep_contexts(
        tuple(store.ids[position] for position in labelled),
        np.stack([context_of(store[position]) for position in labelled]),
    )
    return study
