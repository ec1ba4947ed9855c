"""The student on board: the same in torch and ONNX, whatever the unit, the batch, the gaps."""

from __future__ import annotations

import json
import shutil
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from egams.conventions import BACKGROUND_QUANTILES, BIN_COUNT
from egams.errors import ArtifactError, ConfigError
from egams.experiments.zoo import experiment_named
from egams.families import FAMILIES
from egams.models.neighbours import NeighboursConfig
from egams.models.onnx_files import open_session
from egams.onboard import distil as distilling
from egams.onboard import export as exporting
from egams.onboard import kernel as kernels
from egams.onboard import study_student as studying
from egams.onboard.binned import binned_matrices, binned_matrix
from egams.onboard.describe import SIZES, Describe, _quantiles
from egams.onboard.distil import distil
from egams.onboard.export import CARD, FP32, INT8, MOST_BYTES, MOST_MULTIPLY_ADDS, export_onnx
from egams.onboard.kernel import LARGEST_INT8, to_int8_grid
from egams.onboard.onnx_files import run_onnx
from egams.onboard.student import Head, Student, predict
from egams.onboard.study_student import teach, teachers_of
from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.descriptors import KEY_IONS, run_descriptors
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.study.folds import Folds
from egams.study.records import StudyManifest
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from prepared_samples import prepared_samples, raw_samples
from training_samples import labelled_runs

torch.set_num_threads(1)

SIMULATED, LIKE_EACH = 40, 20
"""Together as many training runs as the challenge has: sizes and work are those of real students.
"""


@cache
def simulated() -> tuple[torch.Tensor, torch.Tensor]:
    """Binned runs ``[run, m/z, bin]`` and labels ``[run, family]``, each run in many versions."""
    rng = np.random.default_rng(3)
    runs = list(simulate_runs(SIMULATED, rng, config=SimulationConfig.tiny(sam_share=0.2)))
    binned = np.repeat(binned_matrices(runs), LIKE_EACH, axis=0)
    binned *= np.exp2(rng.normal(0, 0.3, (*binned.shape[:2], 1))).astype(np.float32)
    labels = np.repeat(np.array([run.labels for run in runs], np.float32), LIKE_EACH, axis=0)
    return torch.from_numpy(binned), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def student() -> Student:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "FIT", NeighboursConfig(steps=3))
        patch.setattr(distilling, "EPOCHS", 2)
        binned, labels = simulated()
        return distil(binned, labels, labels, 0)


@pytest.fixture(scope="module")
def exported(student, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onboard") / "student"
    card = export_onnx(student, folder, simulated()[0].numpy()[::4], {"data": "abc"})
    return folder, card


def some(count: int = 12, seed: int = 9) -> torch.Tensor:
    """Runs that the student was not trained on."""
    config = SimulationConfig.tiny(sam_share=0.3)
    runs = simulate_runs(count, np.random.default_rng(seed), config=config)
    return torch.from_numpy(binned_matrices(runs))


@pytest.mark.parametrize("number", range(len(raw_samples())))
def test_a_run_and_what_was_prepared_from_it_give_the_same_matrix(number):
    matrix = binned_matrix(raw_samples()[number])
    assert matrix.shape == (100, BIN_COUNT)
    assert matrix.dtype == np.float32
    assert np.nanmax(matrix) <= 1
    assert_allclose(matrix, binned_matrix(prepared_samples()[number]), rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_quantiles_leave_out_what_was_not_measured(seed, holes):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (2, 5, 30))
    values[rng.uniform(size=values.shape) < holes] = np.nan
    values[0, 0] = np.nan
    given_ = torch.from_numpy(values)
    known = ~torch.isnan(given_)
    found = _quantiles(given_.nan_to_num(), known).numpy()
    some_known = known.any(2).numpy()
    expected = np.nanquantile(values[some_known], BACKGROUND_QUANTILES, axis=-1).T
    assert_allclose(found[some_known], expected, atol=1e-12)
    assert not found[~some_known].any()


def test_views_are_those_of_neighbours_but_for_the_bins():
    prepared = prepared_samples()
    runs = ResidentRuns.load(prepared)
    shares, peaks, shapes, background = run_descriptors(runs, np.arange(len(runs)))
    mine = Describe()(torch.from_numpy(binned_matrices(prepared)))
    assert tuple(descriptor.shape[1] for descriptor in mine) == SIZES
    ions = torch.stack(mine[3:], 1).flatten(1)
    assert len(mine) == 3 + len(KEY_IONS)
    # The student ends one bin before.
    shares = shares.reshape(len(runs), 100, 21)[:, :, :20]
    shapes = shapes.reshape(len(runs), len(KEY_IONS), 41)[:, :, :40]
    pairs = ((shares, mine[0]), (peaks, mine[1]), (background, mine[2]), (shapes, ions))
    for of_bins, of_student in pairs:
        assert np.corrcoef(of_bins.flatten(), of_student.flatten())[0, 1] > 0.93


def test_distances_are_those_of_what_was_projected():
    descriptor = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    part = kernels.Compressed(descriptor, 8)
    place = (descriptor[:5] - part.centre) @ part.directions
    assert_allclose(part(descriptor[:5]), torch.cdist(place, part.landmarks.T), atol=1e-2)
    assert_allclose(part(descriptor)[:5], torch.cdist(descriptor[:5], descriptor), atol=0.1)


def test_the_variance_is_exact_where_every_eigenvector_is_kept():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    covariance, noise = torch.exp(-torch.cdist(points, points)), torch.tensor(0.1)
    row = torch.rand(1, 20, generator=generator, dtype=torch.float64)
    inverse = torch.linalg.inv(covariance + noise * torch.eye(20))
    for kept, error in ((20, 1e-9), (10, 2.0)):
        numbers = kernels._compressed_inverse(covariance, noise, kept)
        # Nothing is left for the gain to stand for: it only has to be what the basis assumes.
        explained = numbers["gain"] * (row**2).sum() - ((row @ numbers["basis"]) ** 2).sum()
        assert abs(explained - row @ inverse @ row.T) < error


@given(st.integers(0, 2**32 - 1))
def test_weights_on_the_grid_are_left_alone(seed):
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(seed))
    once = to_int8_grid(weight)
    assert_allclose(to_int8_grid(once), once, rtol=1e-6)
    steps = once / once.abs().amax(0) * LARGEST_INT8
    assert_allclose(steps, steps.round(), atol=1e-4)
    assert (once - weight).abs().max() <= weight.abs().max() / LARGEST_INT8


def test_the_mean_of_heads_says_the_mean_of_what_they_say():
    generator = torch.Generator().manual_seed(0)
    heads = []
    for _ in range(3):
        head = Head(torch.zeros(6), torch.ones(6), 4, 0.0)
        for weight in head.parameters():
            torch.nn.init.normal_(weight, generator=generator)
        heads.append(head.eval())
    inputs = [torch.randn(9, size, generator=generator) for size in (6, 10, 1)]
    expected = torch.stack([head(*inputs) for head in heads]).mean(0)
    assert_allclose(Head.mean_of(heads)(*inputs).detach(), expected.detach(), atol=0.1)


@settings(max_examples=8)
@given(st.floats(-13, 9))
def test_the_unit_of_abundance_changes_nothing(student, exponent):
    binned = some()[:4]
    assert_allclose(predict(student, binned * 10**exponent), predict(student, binned), atol=2e-4)


def test_a_run_is_predicted_alike_alone_and_among_others(student):
    binned = some()
    together = predict(student, binned)
    alone = torch.cat([predict(student, binned[i : i + 1]) for i in range(len(binned))])
    assert_allclose(alone, together, atol=1e-4)
    assert_array_equal(predict(student, binned[:0]).shape, (0, len(FAMILIES)))


def test_gaps_are_not_readings_of_zero(student):
    binned = some()[:3].clone()
    binned[:, 18] = torch.nan
    cold = binned.clone()
    cold[:, :, :40] = torch.nan
    empty = torch.full_like(binned, torch.nan)
    for gaps in (binned, cold, empty, torch.zeros_like(binned)):
        probability, variance = student(gaps)
        assert ((probability > 0) & (probability < 1)).all()
        assert torch.isfinite(variance).all()
    assert (predict(student, cold) - predict(student, cold.nan_to_num())).abs().max() > 1e-3


def test_a_run_unlike_any_has_a_larger_variance(student):
    known = student(simulated()[0][:40])[1]
    noise = torch.rand(10, 100, BIN_COUNT, generator=torch.Generator().manual_seed(0))
    assert student(noise)[1].min() > known.mean()


@pytest.mark.parametrize(("file", "largest", "mean"), [(FP32, 2e-4, 1e-5), (INT8, 0.2, 0.01)])
def test_files_say_what_the_student_says(student, exported, file, largest, mean):
    folder, _ = exported
    binned = some(40)
    apart = np.abs(run_onnx(folder / file, binned.numpy()) - predict(student, binned).numpy())
    assert apart.max() < largest
    assert apart.mean() < mean


@pytest.mark.parametrize("file", [FP32, INT8])
def test_files_take_any_number_of_runs(exported, file):
    binned = some(7).numpy()
    session = open_session(exported[0] / file)
    together = session.run(None, {"binned": binned})
    alone = session.run(None, {"binned": binned[2:3]})
    assert alone[0].shape == (1, len(FAMILIES))
    assert_allclose(alone[0][0], together[0][2], atol=1e-3)
    assert_allclose(alone[1][0], together[1][2], atol=1e-3)


def test_limits_hold_and_the_card_says_so(exported):
    folder, card = exported
    assert card == json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert (folder / INT8).stat().st_size == card["bytes"][INT8] <= MOST_BYTES
    assert 0 < card["multiply_adds"] <= MOST_MULTIPLY_ADDS
    assert card["input"]["shape"] == ["run", 100, 243]
    assert card["data"] == "abc"
    assert card["largest_difference_from_torch"]["runs"] == 100


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_MULTIPLY_ADDS"])
def test_what_is_too_large_is_refused_and_leaves_nothing(student, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(exporting, limit, 1000)
    monkeypatch.setattr(
        exporting, "write_int8", lambda source, target, _: shutil.copy(source, target)
    )
    with pytest.raises(ConfigError, match="train it on fewer"):
        export_onnx(student, tmp_path / "student", simulated()[0].numpy()[:32])
    assert not any(tmp_path.iterdir())


def test_nobody_learns_from_who_saw_the_fold(tmp_path, monkeypatch):
    store = prepare(labelled_runs(24, seed=5, sam=4), jobs=1)
    trees = experiment_named("lightgbm_evidence").shortened(0.05)
    study = cross_validate(store, [trees], tmp_path / "study", folds=2, draws=1, jobs=1)
    folds = Folds.load(study.folds_path, store.ids).fold
    matrices = torch.from_numpy(binned_matrices(store))
    asked, trained = [], []

    def watched_teach(study, teachers, fold, runs, positions, seed):
        asked.append((int(fold), positions.tolist()))
        return teach(study, teachers, fold, runs, positions, seed)

    def watched_distil(binned, labels, taught, seed):
        trained.append(binned)
        assert ((taught >= 0) & (taught <= 1)).all()
        return distil(binned, labels, taught, seed)

    monkeypatch.setattr(studying, "teach", watched_teach)
    monkeypatch.setattr(studying, "distil", watched_distil)
    monkeypatch.setattr(kernels, "FIT", NeighboursConfig(steps=3))
    learned = studying.distil_study(study, store)
    assert [fold for fold, _ in asked] == [0, 1]
    for (fold, positions), binned in zip(asked, trained[:2], strict=True):
        assert positions == np.flatnonzero(folds != fold).tolist()
        assert_array_equal(binned, matrices[positions])
    assert_array_equal(trained[2], matrices)
    assert_array_equal(learned.binned, matrices)
    scores = learned.facts["scores"]
    assert scores["given_up"] == pytest.approx(scores["int8"] - scores["ensemble"], abs=2e-5)
    assert scores["int8"] == pytest.approx(scores["fp32"], abs=0.05)
    assert learned.facts["data"] == store.fingerprint

    other = prepare(labelled_runs(24, seed=6, sam=4), jobs=1)
    with pytest.raises(ArtifactError, match="made from other runs"):
        studying.distil_study(study, other)


def test_a_study_without_evidence_cannot_teach(tmp_path):
    study = Study.create(tmp_path / "study", StudyManifest(data="abc", folds=2))
    with pytest.raises(ConfigError, match="lightgbm_evidence"):
        teachers_of(study, ["0", "1"])
