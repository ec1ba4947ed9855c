"""The student on board: the same in torch and ONNX, refusals included, from plain operators."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from egams.artifact import file_digests
from egams.conventions import MZ_COUNT
from egams.errors import ArtifactError, ConfigError
from egams.experiments.zoo import experiment_named
from egams.families import FAMILIES
from egams.io import read
from egams.models.neighbours import NeighboursConfig
from egams.onboard import distil as distilling
from egams.onboard import export as exporting
from egams.onboard import kernel as kernels
from egams.onboard import study_student as studying
from egams.onboard.binned import binned_matrix, binned_runs
from egams.onboard.distil import distil
from egams.onboard.export import (
    CARD,
    FP32,
    INT8,
    MOST_BYTES,
    MOST_MULTIPLY_ADDS,
    SHIPPED,
    VECTORS,
    export_onnx,
)
from egams.onboard.graph import OPSET
from egams.onboard.kernel import LARGEST_INT8, to_grid
from egams.onboard.onnx_files import run_onnx
from egams.onboard.stages import SCAN, SIX_MZ, SOME_MZ, STAGES
from egams.onboard.student import Head, StageStudent, answers
from egams.onboard.student_graph import INFINITE, INPUT, JUDGED, OUTPUTS, TOO_LITTLE
from egams.onboard.study_student import teach, teachers_of
from egams.onboard.vectors import vector_matrices
from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.coarse import COARSE_BINS, CoarseRuns, coarse_runs
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.study.folds import Folds
from egams.study.records import StudyManifest
from egams.study.study import Study
from egams.training.cross_validation import cross_validate
from prepared_samples import prepared_samples, raw_samples
from training_samples import labelled_runs

torch.set_num_threads(1)

PLAIN = {
    *("Abs", "Add", "And", "Cast", "Concat", "Div", "Equal", "Exp", "Flatten", "Gather", "Greater"),
    *("Identity", "IsInf", "IsNaN", "Less", "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Not"),
    *("Or", "ReduceMax", "ReduceSum", "Relu", "Sigmoid", "Sqrt", "Squeeze", "Sub", "Sum"),
    *("Unsqueeze", "Where"),
}
TRIED = (STAGES[0], STAGES[1], STAGES[6], STAGES[8], STAGES[9])
"""A scan, 14 m/z whole, 14 m/z to 400 degC, 6 m/z whole and to 500 degC."""
CLOSE = 2e-4


@cache
def simulated() -> tuple[CoarseRuns, torch.Tensor]:
    """Runs in bins and labels ``[run, family]``."""
    config = SimulationConfig.tiny(sam_share=0.1)
    runs = list(simulate_runs(60, np.random.default_rng(3), config=config))
    return binned_runs(runs), torch.tensor(np.array([run.labels for run in runs], np.float32))


@pytest.fixture(scope="module")
def students() -> list[StageStudent]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "FIT", NeighboursConfig(steps=3))
        patch.setattr(distilling, "EPOCHS", 2)
        runs, labels = simulated()
        return [distil(stage, runs, labels, labels, 0) for stage in TRIED]


@pytest.fixture(scope="module")
def exported(students, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onboard") / "student"
    return folder, export_onnx(students, folder, {"data": "abc"})


@cache
def some(count: int = 12, seed: int = 9) -> np.ndarray:
    """Whole runs that the student was not trained on."""
    config = SimulationConfig.tiny(sam_share=0.0)
    return binned_runs(simulate_runs(count, np.random.default_rng(seed), config=config)).abundance


def without(binned: np.ndarray, mz: tuple[int, ...] | None = None, bins: int = 41) -> np.ndarray:
    """Keep some m/z and the first bins."""
    kept = np.full_like(binned, np.nan)
    rows = list(range(MZ_COUNT) if mz is None else mz)
    kept[:, rows, :bins] = binned[:, rows, :bins]
    return kept


@cache
def lacking() -> np.ndarray:
    """Runs of which more or less was measured; the last three must be refused."""
    kinds = [(None, 41), (SOME_MZ, 41), (SIX_MZ, 41), (None, 15), (SIX_MZ, 20)]
    kinds += [(SOME_MZ, TRIED[2].bins - 1), ((18, 44), 41), (SOME_MZ, 6)]
    return np.concatenate([without(some()[:3], *kind) for kind in kinds])


@pytest.mark.parametrize("number", range(len(raw_samples())))
def test_a_run_and_what_was_prepared_from_it_give_the_same_matrix(number):
    matrix = binned_matrix(raw_samples()[number])
    assert matrix.shape == (MZ_COUNT, COARSE_BINS)
    assert matrix.dtype == np.float32
    assert_allclose(matrix, binned_matrix(prepared_samples()[number]), rtol=1e-6)


def test_the_matrix_is_what_neighbours_compare():
    runs = ResidentRuns.load(prepared_samples())
    expected = coarse_runs(runs, np.arange(len(runs))).abundance
    assert_allclose(binned_runs(prepared_samples()).abundance, expected, atol=1e-6)


def test_distances_are_those_of_what_was_projected():
    descriptor = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    part = kernels.Compressed(descriptor, 8)
    place = (descriptor[:5] - part.centre) @ part.directions
    assert_allclose(part(descriptor[:5]), torch.cdist(place, part.landmarks.T), atol=1e-2)
    assert_allclose(part(descriptor)[:5], torch.cdist(descriptor[:5], descriptor), atol=0.1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
def test_weights_on_the_grid_are_left_alone(seed, along):
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(seed))
    once = to_grid(weight, along)
    assert_allclose(to_grid(once, along), once, rtol=1e-6)
    steps = once / once.abs().amax(along, keepdim=True) * LARGEST_INT8
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


@settings(max_examples=8, deadline=None)
@given(st.floats(-13, 9))
def test_the_unit_of_abundance_changes_nothing(exported, exponent):
    path, binned = exported[0] / INT8, lacking()
    scaled = run_onnx(path, binned * np.float32(10**exponent))
    for given_, expected in zip(scaled, run_onnx(path, binned), strict=True):
        assert_allclose(given_, expected, atol=CLOSE)


@pytest.mark.parametrize("file", [FP32, INT8])
def test_files_answer_as_torch_does(students, exported, file):
    runs = CoarseRuns(np.concatenate([lacking(), simulated()[0].abundance[:20]]))
    found, (probability, stage, likeness) = (
        run_onnx(exported[0] / file, runs.abundance),
        (answers(students, runs)),
    )
    assert_allclose(found.probability, probability, atol=CLOSE)
    assert_array_equal(found.stage[:, 0], stage)
    assert_allclose(found.likeness[:, 0], likeness, atol=CLOSE)
    assert_array_equal(found.refusal[:, 0] == JUDGED, stage > 0)
    assert set(stage) == {0, 1, 2, 3, 4, 5}


def test_a_run_is_answered_alike_alone_and_among_others(exported):
    path, binned = exported[0] / INT8, lacking()
    together = run_onnx(path, binned)
    alone = [run_onnx(path, binned[i : i + 1]) for i in range(len(binned))]
    for number, of_all in enumerate(together):
        assert_allclose(np.concatenate([one[number] for one in alone]), of_all, atol=CLOSE)
    assert run_onnx(path, binned[:0]).probability.shape == (0, len(FAMILIES))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda run: np.full_like(run, np.nan), TOO_LITTLE),
        (np.zeros_like, TOO_LITTLE),
        (lambda run: -run, TOO_LITTLE),
        (lambda run: np.full_like(run, np.inf), INFINITE),
        (lambda run: np.where(np.arange(COARSE_BINS) == 9, -np.inf, run), INFINITE),
        (lambda run: without(run, SIX_MZ[:4]), TOO_LITTLE),
        (lambda run: without(run, None, 8), TOO_LITTLE),
        (lambda run: np.where(np.arange(COARSE_BINS) < 5, np.nan, run), TOO_LITTLE),
    ],
)
def test_what_cannot_be_judged_is_refused_and_others_are_not(exported, change, why):
    good = some()[:2]
    refused = change(some()[2:3]).astype(np.float32)
    found = run_onnx(exported[0] / INT8, np.concatenate([good[:1], refused, good[1:]]))
    assert found.refusal[:, 0].tolist() == [JUDGED, why, JUDGED]
    assert found.stage[:, 0].tolist() == [1, 0, 1]
    assert np.isnan(found.probability[1]).all()
    kept = found.probability[[0, 2]]
    assert ((kept > 0) & (kept < 1)).all()
    assert_allclose(kept, run_onnx(exported[0] / INT8, good).probability, atol=CLOSE)


def test_an_answer_while_it_heats_is_from_what_its_stage_takes_alone(exported):
    to_400 = TRIED[2].bins
    just, later = (without(some(), SOME_MZ, bins) for bins in (to_400, to_400 + 9))
    later[:, SOME_MZ, to_400:] *= 5
    first, second = (run_onnx(exported[0] / INT8, each) for each in (just, later))
    assert (first.stage == 3).all()
    for before, after in zip(first, second, strict=True):
        assert_allclose(before, after, atol=CLOSE)


def test_stages_are_tried_from_the_most_that_was_measured():
    assert SCAN is STAGES[0]
    lists = {stage.mask.mz for stage in STAGES[1:]}
    assert lists == {SOME_MZ, SIX_MZ}
    for mz in lists:
        ends = [stage.end_degC for stage in STAGES if stage.mask.mz == mz]
        assert ends == sorted(ends, reverse=True)
    to_the_end = some()[~np.isnan(some()[:, 28, -1])]
    whole = CoarseRuns(to_the_end)
    for stage in STAGES:
        assert stage.judges(whole).all()
        short = CoarseRuns(without(to_the_end, None, stage.must_reach))
        assert not stage.judges(short).any()


def test_limits_hold_and_the_card_describes_the_file(exported):
    folder, card = exported
    assert card == json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert (folder / INT8).stat().st_size == card["bytes"][INT8] <= MOST_BYTES
    assert 0 < card["multiply_adds"] <= MOST_MULTIPLY_ADDS
    assert card["input"]["shape"] == ["run", MZ_COUNT, COARSE_BINS]
    assert len(card["input"]["bin_edges_degC"]) == COARSE_BINS + 1
    assert [stage["number"] for stage in card["stages"]] == [1, 2, 3, 4, 5]
    assert card["data"] == "abc"


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_MULTIPLY_ADDS"])
def test_what_is_too_large_is_refused_and_leaves_nothing(students, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(exporting, limit, 1000)
    with pytest.raises(ConfigError, match="train it on fewer"):
        export_onnx(students, tmp_path / "student")
    assert not any(tmp_path.iterdir())


def by_the_card(path: Path) -> np.ndarray:
    """Bring readings to bins as the card describes it, without egams ``[m/z, bin]``."""
    with path.open(encoding="utf-8") as file:
        rows = [[float(each) for each in row] for row in list(csv.reader(file))[1:]]
    scans, last = [[]], -1.0
    for _, temperature, mz, abundance in rows:
        if mz < last:
            scans.append([])
        scans[-1].append((temperature, round(mz), abundance))
        last = mz
    total, count = np.zeros((100, 41)), np.zeros((100, 41))
    for scan in scans:
        temperature = sum(reading[0] for reading in scan) / len(scan)
        if 28 < temperature < 1000:
            bin_ = min(max(round((temperature - 30) / 24), 0), 40)
            for _, mz, abundance in scan:
                total[mz, bin_] += abundance
                count[mz, bin_] += 1
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    for row in mean:
        known = np.flatnonzero(~np.isnan(row))
        if len(known):
            inside = np.arange(known[0], known[-1] + 1)
            row[inside] = np.interp(inside, known, row[known])
    return mean / np.nanmax([reading[2] for scan in scans for reading in scan])


def outputs(folder: Path) -> np.ndarray:
    """Refusal, stage, likeness and probabilities of the vectors ``[vector, output]``."""
    with (folder / "outputs.csv").open(encoding="utf-8") as file:
        return np.array([[float(each) for each in row[1:]] for row in list(csv.reader(file))[1:]])


@pytest.fixture(params=["shipped", "exported"])
def folder(request, exported) -> Path:
    return SHIPPED if request.param == "shipped" else exported[0]


def test_vectors_are_binned_byte_for_byte_and_as_the_card_describes(folder):
    paths = sorted((folder / VECTORS).glob("[0-9][0-9].csv"))
    assert len(paths) == 10
    for path, matrix in zip(paths, vector_matrices(folder / VECTORS).abundance, strict=True):
        (run,) = read(path)
        assert_array_equal(binned_matrix(run), matrix)
        assert_allclose(by_the_card(path), matrix, rtol=1e-5)


def test_vectors_give_their_outputs_in_onnxruntime_and_in_plain_numpy(folder):
    from onnx.reference import ReferenceEvaluator

    binned, expected = vector_matrices(folder / VECTORS).abundance, outputs(folder / VECTORS)
    assert expected[:, 0].tolist() == [JUDGED] * 8 + [TOO_LITTLE] * 2
    evaluator = ReferenceEvaluator(str(folder / INT8))
    by_runtime = run_onnx(folder / INT8, binned)
    by_numpy = evaluator.run(list(OUTPUTS), {INPUT: binned})
    for found in (by_runtime, by_numpy):
        probability, refusal, stage, likeness = found
        joined = np.concatenate([refusal, stage, likeness, probability], 1)
        assert_allclose(joined, expected, atol=CLOSE)


def test_a_file_is_a_static_graph_of_plain_operators_of_an_old_opset(folder):
    import onnx

    model = onnx.load(folder / INT8)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
    assert {node.op_type for node in model.graph.node} <= PLAIN
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert card["operators"] == sorted({node.op_type for node in model.graph.node})
    paths = [folder / name for name in card["sha256"]]
    assert file_digests(folder, paths) == card["sha256"]


def test_the_page_has_the_scores_of_the_card():
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    page = (Path(__file__).parents[1] / "docs" / "onboard.md").read_text(encoding="utf-8")
    for number, stage in enumerate(card["scores"]["stages"], 1):
        start = f"| {number} | {stage['stage'].replace('degC', '°C')} |"
        row = f"| {stage['runs']} | {stage['log_loss']:.3f} | {stage['ece']:.4f} |"
        (line,) = [line for line in page.splitlines() if line.startswith(start)]
        assert line.endswith(row)


def test_the_shipped_student_keeps_to_its_figures():
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    assert (SHIPPED / INT8).stat().st_size <= MOST_BYTES
    assert card["scores"]["every_run_at_the_first_stage"] <= 0.108
    assert card["scores"]["int8"] <= 0.115
    assert len(card["scores"]["stages"]) == len(card["stages"]) == len(STAGES)
    assert all(set(each["families"]) == set(FAMILIES) for each in card["scores"]["stages"])


def test_nobody_learns_from_who_saw_the_fold(tmp_path, monkeypatch):
    store = prepare(labelled_runs(24, seed=5, sam=4), jobs=1)
    trees = experiment_named("lightgbm_evidence").shortened(0.05)
    study = cross_validate(store, [trees], tmp_path / "study", folds=2, draws=1, jobs=1)
    folds = Folds.load(study.folds_path, store.ids).fold
    matrices = binned_runs(store).abundance
    asked, trained = [], []

    def watched_teach(study, teachers, fold, runs, positions, seed):
        asked.append((int(fold), positions.tolist()))
        return teach(study, teachers, fold, runs, positions, seed)

    def watched_distil(stage, runs, labels, taught, seed):
        trained.append(runs.abundance)
        assert ((taught >= 0) & (taught <= 1)).all()
        return distil(stage, runs, labels, taught, seed)

    monkeypatch.setattr(studying, "teach", watched_teach)
    monkeypatch.setattr(studying, "distil", watched_distil)
    monkeypatch.setattr(kernels, "FIT", NeighboursConfig(steps=3))
    learned = studying.distil_study(study, store, stages=TRIED[:2])
    assert [fold for fold, _ in asked] == [0, 1]
    for (fold, positions), binned in zip(asked, trained[:4:2], strict=True):
        assert positions == np.flatnonzero(folds != fold).tolist()
        assert_allclose(binned, matrices[positions], atol=1e-6)
    assert_allclose(trained[4], matrices, atol=1e-6)
    scores = learned.facts["scores"]
    assert scores["runs"] == 24
    assert [each["stage"] for each in scores["stages"]] == [stage.name for stage in TRIED[:2]]
    assert learned.facts["data"] == store.fingerprint

    other = prepare(labelled_runs(24, seed=6, sam=4), jobs=1)
    with pytest.raises(ArtifactError, match="made from other runs"):
        studying.distil_study(study, other)


def test_a_study_without_evidence_cannot_teach(tmp_path):
    study = Study.create(tmp_path / "study", StudyManifest(data="abc", folds=2))
    with pytest.raises(ConfigError, match="lightgbm_evidence"):
        teachers_of(study, ["0", "1"])
