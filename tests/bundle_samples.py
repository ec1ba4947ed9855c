"""A small study for the tests of bundles, and how bundles are compared and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egams.artifact import MANIFEST, sealed, write_json
from egams.ensemble.predictions import Predictions
from egams.errors import EgamsError
from egams.experiments.experiment import Experiment
from egams.models.trees import LightgbmConfig
from egams.store.prepare import prepare
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, tiny_experiment

TREES = Experiment(name="trees", model=LightgbmConfig(trees=6, renders=2, fewest_in_leaf=2))
FOLDS, DRAWS, LABELLED, SAM = 2, 2, 20, 4


def trained(output: Path, **changes: Any) -> Study:
    """A network, the same with evidence, and trees; what is there already is kept."""
    store = prepare(labelled_runs(LABELLED, 0, sam=SAM), jobs=1)
    net = tiny_experiment(epochs=3, learning_rate=1e-2)
    evident = net.model_copy(update={"name": "evident", "evidence": True})
    settings = {"folds": FOLDS, "draws": DRAWS, "jobs": 1, **changes}
    return cross_validate(store, [net, evident, TREES], output, **settings)


def edit(folder: Path, **changes: Any) -> None:
    """Change the manifest; None removes a key."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in manifest.items() if value is not None}
    write_json(folder / MANIFEST, sealed(kept))


def refuse(saying: str, kind: type[EgamsError], call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=f"(?s){saying}"):
        call()


def same(first: Predictions, second: Predictions, atol: float = 1e-6) -> None:
    assert first.run_ids == second.run_ids
    assert first.instruments == second.instruments
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=atol)
    np.testing.assert_allclose(first.spread, second.spread, atol=atol)
    np.testing.assert_allclose(first.draw_spread, second.draw_spread, atol=atol)
    np.testing.assert_array_equal(first.calls, second.calls)
    for here, there in zip(first, second, strict=True):
        assert here.flags == there.flags
        assert [each.run_id for each in here.nearest] == [each.run_id for each in there.nearest]
        away = [each.distance for each in here.nearest]
        np.testing.assert_allclose(away, [each.distance for each in there.nearest], atol=100 * atol)
