"""SAM-like versions: what SAM's own pipeline would make of them, and what they may not tell."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egams.conventions import BACKGROUND_QUANTILES, BIN_WIDTH, SAM_DWELL
from egams.errors import ConfigError
from egams.experiments.experiment import Experiment
from egams.models.neighbours import NeighboursConfig
from egams.models.predict import predict_draws
from egams.models.process import Process
from egams.models.trees import LightgbmConfig
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.spectrogram.coarse import coarse_runs, masks_of
from egams.spectrogram.context import Context, background_at
from egams.spectrogram.descriptors import DESCRIPTORS, run_descriptors
from egams.spectrogram.resident import NOT_MEASURED, ResidentRuns
from egams.spectrogram.sam_like import joined, make_sam_like, sam_like_versions
from egams.spectrogram.sam_sources import SamSources, sam_sources
from egams.training.neighbours import fit_neighbours
from egams.training.train import train_experiment
from prepared_samples import prepared_samples, simulated
from training_samples import resident

SEEDS = st.integers(0, 2**32)
SAM_SEEDS = (11, 12, 13, 14)


def prepared_sam() -> list[PreparedRun]:
    prepared = prepare_runs([simulated(seed, "sam_testbed") for seed in SAM_SEEDS])
    return [run for run in prepared if isinstance(run, PreparedRun)]


@cache
def sources() -> SamSources:
    return sam_sources(ResidentRuns.load(prepared_sam()).to("cpu"))


@cache
def commercial() -> ResidentRuns:
    """Whole runs, one cut short, one with holes and m/z that were not measured; all labelled."""
    chosen = [run for run in prepared_samples() if run.instrument == "commercial"]
    labels = np.eye(10, dtype=np.float32)
    return ResidentRuns.load(
        [replace(run, labels=labels[number]) for number, run in enumerate(chosen)]
    ).to("cpu")


def versions(seed: int, each: int = 2) -> tuple[np.ndarray, ResidentRuns]:
    own = np.tile(np.arange(len(commercial())), each)
    generator = torch.Generator().manual_seed(seed)
    return own, make_sam_like(commercial(), own, sources(), generator)


def as_prepared(runs: ResidentRuns, number: int) -> PreparedRun:
    """The version as a prepared run, its background taken anew from its abundances."""
    scans = slice(runs.first_scan[number], runs.first_scan[number] + runs.scan_count[number])
    context = Context.decode(runs.context[number].numpy().astype(np.float64))
    mz = context.measured.nonzero()[0]
    above = runs.scans[: runs.scan_total][scans][:, mz].numpy().astype(np.float64)
    residual = runs.scans[runs.scan_total : -1][scans][:, mz].numpy().astype(np.float64)
    abundance = above + background_at(context.level[mz]) - runs.background[number, 0, 1, mz].numpy()
    quantiles = [
        np.quantile(values, BACKGROUND_QUANTILES, axis=0) for values in (abundance, residual)
    ]
    return PreparedRun(
        run_id="version",
        instrument="sam_testbed",
        labels=runs.labels[number].numpy(),
        temperature=runs.temperature[scans].numpy().astype(np.float64),
        mz=mz,
        abundance=abundance,
        baseline=abundance - residual,
        background=np.stack(quantiles),
    )


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_versions_are_runs_as_the_pipeline_prepares_them(seed: int) -> None:
    _, made = versions(seed, each=1)
    again = ResidentRuns.load([as_prepared(made, number) for number in range(len(made))]).to("cpu")
    torch.testing.assert_close(again.scans, made.scans, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(again.background, made.background, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(again.context, made.context, rtol=1e-4, atol=1e-4)
    for name in ("temperature", "first_scan", "scan_count", "labels"):
        assert torch.equal(getattr(again, name), getattr(made, name))
    first = made.first_scan
    inside = torch.ones(made.scan_total - 1, dtype=torch.bool)
    inside[first[1:] - 1] = False
    assert (made.temperature.diff()[inside] == BIN_WIDTH).all()


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_not_measured_by_run_or_source_is_not_measured(seed: int) -> None:
    own, made = versions(seed)
    measured = Context.decode(made.context).measured
    of_run = Context.decode(commercial().context[own]).measured
    possible = of_run[:, None] & sources().measured
    assert (measured[:, None] == possible).all(2).any(1).all()
    seen = measured.repeat_interleave(made.scan_count, 0)
    for part in (made.scans[: made.scan_total], made.scans[made.scan_total : -1]):
        assert (part[~seen] == NOT_MEASURED).all()
        assert (part[seen] > NOT_MEASURED).all()
    kept, given_away = made.labels.sum(1) > 0, made.labels.sum(1) == 0
    assert torch.equal(made.labels[kept], commercial().labels[own][kept])
    assert (kept | given_away).all()


def test_half_of_the_versions_are_blanks_and_seeds_repeat() -> None:
    _, made = versions(3, each=40)
    assert 0.35 < float((made.labels.sum(1) == 0).float().mean()) < 0.65
    assert torch.equal(versions(3)[1].scans, versions(3)[1].scans)
    assert versions(3)[1].scans.shape == versions(4)[1].scans.shape
    assert not torch.equal(versions(3)[1].scans, versions(4)[1].scans)


def test_counts_of_a_source_are_told_from_its_noise() -> None:
    for seed, told in zip(SAM_SEEDS, sources().counts.tolist(), strict=True):
        run = simulated(seed, "sam_testbed")
        warm = (run.reading_temperature > 100) & (run.reading_temperature < 900)
        whole = np.flatnonzero((run.mz % 1 == 0) & (run.mz >= 12) & (run.mz < 100))
        readings = np.median(np.sum(warm & ~np.isnan(run.abundance), axis=0)[whole]) / 200
        largest = np.nanmax(run.abundance[:, run.mz < 99.5])
        assert 0.5 < told / (largest * SAM_DWELL * readings) < 2


def test_ions_are_counted() -> None:
    """Abundances are whole numbers of ions, and as noisy as that number of ions is."""
    over_all_temperatures = np.array([0, 1] * 4)
    generator = torch.Generator().manual_seed(0)
    made = make_sam_like(commercial(), over_all_temperatures, sources(), generator)
    for number, told in enumerate(sam_sources(made).counts.tolist()):
        abundance = as_prepared(made, number).abundance
        steps = np.diff(np.sort(abundance, axis=0), axis=0)
        one_ion = steps[steps > 1e-6].min()
        few = steps[steps < 4.5 * one_ion] / one_ion
        assert np.abs(few - np.rint(few)).max() < 0.2
        assert 0.3 < told * one_ion < 1.5  # peaks bend too


def test_a_flooded_detector_gives_flat_tops() -> None:
    flooded = replace(sources(), counts=sources().counts * 1e4)
    own = np.arange(len(commercial()))
    made = make_sam_like(commercial(), own, flooded, torch.Generator().manual_seed(0))
    for number in range(len(made)):
        abundance = as_prepared(made, number).abundance
        assert (abundance > 1 - 1e-5).sum() > 20
        assert abundance.max() < 1 + 1e-5


def test_shares_of_versions_and_which_run_each_is_of() -> None:
    runs = joined([commercial(), ResidentRuns.load(prepared_sam()).to("cpu")])
    positions = np.arange(len(runs))[::-1].copy()
    made, own = sam_like_versions(runs, positions, sources(), 1.5, 0)
    count = len(commercial())
    assert len(made) == len(own) == round(1.5 * count)
    assert not Context.decode(runs.context[positions[own]]).is_sam.any()
    assert set(positions[own].tolist()) == set(range(count))
    kept = made.labels.sum(1) > 0
    assert torch.equal(made.labels[kept], runs.labels[positions[own]][kept])


def test_joined_runs_render_as_before() -> None:
    parts = [commercial(), versions(0)[1]]
    together = joined(parts)
    for part, start in zip(parts, (0, len(commercial())), strict=True):
        alone = run_descriptors(part, np.arange(len(part)))
        beside = run_descriptors(together, start + np.arange(len(part)))
        for first, second in zip(alone, beside, strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_evidence_on_a_version_does_not_know_the_labels_of_its_run() -> None:
    runs, positions = resident(), np.arange(24)
    labels = np.asarray(runs.labels)
    neighbours, on_training = fit_neighbours(NeighboursConfig(steps=10), runs, positions)
    process, state = neighbours.whole, neighbours.whole.state
    known = [state[f"descriptor_{name}"].astype(np.float32) for name in DESCRIPTORS]
    masks = masks_of(coarse_runs(runs, positions), np.flatnonzero(state["lowest"].min(0) >= 0))
    whole = np.array([mask.is_everything for mask in masks])
    assert whole.sum() > 10
    again = process.evidence(known, positions)
    np.testing.assert_allclose(again[whole], on_training[whole], rtol=1e-3, atol=1e-3)
    made, own = sam_like_versions(runs, positions, sources(), 1.0, 0)
    found = run_descriptors(made, np.arange(len(made)))
    told = process.evidence(found, own)
    for number in (0, 5):
        others = positions != own[number]
        target = (2 * labels[positions].astype(float) - 1 - process.prior)[others]
        full = np.linalg.inv(state["inverse"].astype(float))[others][:, others]
        kept = {name: state[name][others] for name in state if name.startswith("descriptor_")}
        kept |= {"coefficients": np.linalg.solve(full, target), "inverse": np.linalg.inv(full)}
        alone = Process(state | kept)
        expected = alone.evidence([descriptor[number : number + 1] for descriptor in found])
        np.testing.assert_allclose(told[number : number + 1], expected, rtol=1e-3, atol=1e-3)


def test_training_with_sources_changes_what_is_said_of_sam() -> None:
    runs, positions = resident(), np.arange(30)
    held_out = np.arange(30, 36)
    model = LightgbmConfig(trees=10, renders=1, fewest_in_leaf=2)

    def predicted(sam_like: float, given: SamSources | None) -> np.ndarray:
        experiment = Experiment(name="trees", model=model, sam_like=sam_like, evidence=True)
        predictor = train_experiment(experiment, runs, positions, 0, sources=given)
        return predict_draws([predictor], runs, held_out, experiment.spectrogram, 2, (0,))

    without = predicted(1.0, None)
    np.testing.assert_array_equal(predicted(0.0, sources()), without)
    with_versions = predicted(1.0, sources())
    assert np.isfinite(with_versions).all()
    assert not np.array_equal(with_versions, without)


def test_sources_of_another_instrument_are_refused() -> None:
    with pytest.raises(ConfigError, match="SAM testbed"):
        sam_sources(commercial())
    tiny = prepare_runs([simulated(seed, "sam_testbed", tiny=True) for seed in SAM_SEEDS])
    with pytest.raises(ConfigError, match="no noise"):
        sam_sources(
            ResidentRuns.load([run for run in tiny if isinstance(run, PreparedRun)]).to("cpu")
        )
