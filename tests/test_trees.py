"""Trained trees: the features they see, and the answers of the libraries that grew them."""

from __future__ import annotations

import json
from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
import torch

import egams.training.trees
from egams.arrays import to_numpy
from egams.experiments.experiment import Experiment
from egams.logistic import sigmoid
from egams.models.neighbours import logits_of
from egams.models.predictor import WithEvidence
from egams.models.trees import CatboostConfig, LightgbmConfig, features
from egams.spectrogram.coarse import coarse_runs
from egams.training.train import train_experiment
from training_samples import batch, resident, small

NORMS = pytest.mark.parametrize("norm", ["max", "all"])


def by_definition(spectrogram: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Features in float64, one m/z at a time."""
    position = np.arange(80) / 80
    table = []
    for image, own in zip(spectrogram.astype(float), context, strict=True):
        weight = np.maximum(image - image.min(1, keepdims=True), 1e-6)
        weight /= weight.sum(1, keepdims=True)
        centre = weight @ position
        spread = [np.sqrt(w @ (position - c) ** 2) for w, c in zip(weight, centre, strict=True)]
        means = [trace[8 * band : 8 * band + 8].mean() for trace in image for band in range(10)]
        tops = [trace[8 * band : 8 * band + 8].max() for trace in image for band in range(10)]
        of_mz = [image.mean(1), image.max(1), image.argmax(1), centre, spread]
        table.append(np.concatenate([means, tops, *of_mz, own]))
    return np.array(table)


@NORMS
@pytest.mark.parametrize("size", [1, 8, 19])
def test_features_are_those_of_the_definition(norm: str, size: int) -> None:
    spectrogram, context = map(to_numpy, batch(size, norm=norm))
    spectrogram[0, 5] = 0.25  # one level: its peak is the first column, its centre in the middle
    expected = by_definition(spectrogram, context)
    for given in (spectrogram, spectrogram.copy(), torch.from_numpy(spectrogram)):
        found = features(given, context, with_context=True)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    without = features(spectrogram, context, with_context=False)
    np.testing.assert_array_equal(without, found[:, : -context.shape[1]])


@NORMS
def test_features_do_not_depend_on_the_company(norm: str) -> None:
    spectrogram, context = map(to_numpy, batch(19, norm=norm))
    together = features(spectrogram, context, with_context=True)
    for number in (0, 9, 18):
        row = slice(number, number + 1)
        alone = features(spectrogram[row], context[row], with_context=True)
        np.testing.assert_array_equal(alone, together[row])


@pytest.mark.parametrize("evidence", [False, True])
@pytest.mark.parametrize("kind", [LightgbmConfig, CatboostConfig])
def test_a_member_answers_as_the_library_that_grew_it(
    kind: type, evidence: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    name, grown = f"from_{kind.model_fields['kind'].default}", []
    convert = getattr(egams.training.trees, name)
    monkeypatch.setattr(
        egams.training.trees, name, lambda model: (grown.append(model), convert(model))[1]
    )
    experiment = Experiment(name="trees", model=small(kind), evidence=evidence)
    member: Any = train_experiment(experiment, resident(), np.arange(24), 0)
    spectrogram, context = map(to_numpy, batch(12))
    if isinstance(member, WithEvidence):
        coarse = coarse_runs(resident(), np.arange(12))
        evidence = {member.neighbours: member.neighbours.evidence(coarse)}
        context = member.context(context, evidence)
    table, start = features(spectrogram, context, with_context=True), 0.0
    if kind is LightgbmConfig:
        boosters = [lightgbm.Booster(model_str=text) for text in grown[0]]
        logits = np.stack([each.predict(table, raw_score=True) for each in boosters], 1)
        start = logits_of(context) if evidence else 0.0
    else:
        (tmp_path / "model.json").write_text(json.dumps(grown[0]), encoding="utf-8")
        model = catboost.CatBoost().load_model(str(tmp_path / "model.json"), format="json")
        logits = model.predict(table, prediction_type="RawFormulaVal")
    expected = sigmoid(np.asarray(start) + logits)
    np.testing.assert_allclose(
        member.probabilities(spectrogram, context), expected, rtol=0, atol=1e-6
    )
