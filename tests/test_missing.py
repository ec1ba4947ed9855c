"""Runs of which less was measured: coarse bins, masks, and the process under a mask."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egams.models.neighbours import USUALLY, Neighbours, NeighboursConfig
from egams.models.process import evidence
from egams.preprocess.missing import Missing, without
from egams.preprocess.prepare_runs import PreparedRun
from egams.spectrogram.coarse import (
    COARSE_BINS,
    CoarseRuns,
    Mask,
    coarse_runs,
    masks_of,
    packed,
    unpacked,
)
from egams.spectrogram.descriptors import descriptors
from egams.spectrogram.draw import stream
from egams.spectrogram.resident import ResidentRuns
from egams.training.missing import draw_missing, missing_versions
from egams.training.neighbours import fit_neighbours
from prepared_samples import prepared_samples
from training_samples import store

BRIEF = NeighboursConfig(steps=5)
SIX = (18, 28, 32, 36, 44, 64)
LESS = {
    "six m/z": Missing(SIX),
    "heated to 498 degC": Missing(end_degC=498.0),
    "heated from 186 degC": Missing(start_degC=186.0),
    "six m/z, to 402 degC": Missing(SIX, end_degC=402.0),
}
"""Temperatures between two bins: one that is cut through would be a mean of other scans."""
less = pytest.mark.parametrize("missing", LESS.values(), ids=LESS)


def coarse_of(runs: list[PreparedRun]) -> CoarseRuns:
    return coarse_runs(ResidentRuns.load(runs), np.arange(len(runs)))


@cache
def whole() -> list[PreparedRun]:
    return list(store())[:24]


def usual_mz() -> np.ndarray:
    return np.flatnonzero(coarse_of(whole()).measured.mean(0) > USUALLY)


@less
def test_a_run_of_less_is_described_as_a_whole_one_under_its_mask(missing: Missing) -> None:
    runs = [run for run in prepared_samples() if run.run_id in ("commercial-1", "commercial-2")]
    assert len(runs) == 2
    usual = np.flatnonzero(coarse_of(runs).measured.mean(0) > 0.5)
    part = coarse_of([without(run, missing) for run in runs])
    for number, mask in enumerate(masks_of(part, usual)):
        assert not mask.is_everything
        of_part = descriptors(part[number : number + 1], mask)
        of_whole = descriptors(coarse_of(runs[number : number + 1]), mask)
        for first, second in zip(of_part, of_whole, strict=True):
            # Of what is a millionth of the largest, single precision leaves little.
            assert np.quantile(np.abs(first - second), 0.8) < 0.02


def test_coarse_bins_hold_mean_abundances() -> None:
    run = whole()[0]
    coarse = coarse_of([run]).abundance[0]
    bins = np.rint((run.temperature - 30) / 24).astype(int)
    for number in (0, 7, 30):
        expected = run.abundance[bins == number].mean(0)
        np.testing.assert_allclose(coarse[run.mz, number], expected, rtol=1e-4, atol=1e-7)
    others = np.setdiff1d(np.arange(100), run.mz)
    assert np.isnan(coarse[others]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_packed_runs_are_the_same_but_for_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    abundance = 10 ** rng.uniform(-8, 0, (3, 100, COARSE_BINS)).astype(np.float32)
    abundance[rng.random(abundance.shape) < 0.2] = np.nan
    abundance[0, :50] = np.nan
    again = unpacked(*packed(CoarseRuns(abundance))).abundance
    np.testing.assert_array_equal(np.isnan(again), np.isnan(abundance))
    np.testing.assert_allclose(again, abundance, rtol=0.04, atol=2e-7)


def test_nothing_is_masked_of_a_run_that_has_everything() -> None:
    coarse = coarse_of(whole())
    whole_runs = coarse.heated[:, [1, COARSE_BINS - 2]].all(1)
    masks = masks_of(coarse, np.flatnonzero(coarse.measured.all(0)))
    assert {mask.is_everything for mask in np.array(masks)[whole_runs]} == {True}


@less
def test_the_process_under_a_mask_is_the_one_of_masked_runs(missing: Missing) -> None:
    """Against a dense solve on descriptors of the runs that were cut themselves."""
    runs = whole()
    neighbours, _ = fit_neighbours(
        NeighboursConfig(steps=5), ResidentRuns.load(runs), np.arange(24)
    )
    asked = coarse_of([without(run, missing) for run in list(store())[24:30]])
    found = neighbours.evidence(asked)
    kept = unpacked(neighbours.state["lowest"], neighbours.state["excess"])
    kernel, noise = neighbours.whole.kernel, np.exp(neighbours.whole.kernel.noise)
    labels = store().labels[:24].astype(float)
    prior = (2 * labels - 1).mean(0)
    for number, mask in enumerate(masks_of(asked, usual_mz())):
        of_kept, of_asked = descriptors(kept, mask), descriptors(asked[number : number + 1], mask)
        between = np.stack([np.linalg.norm(a[:, None] - a, axis=2) for a in of_kept])
        pairs = zip(of_asked, of_kept, strict=True)
        across = np.stack([np.linalg.norm(a[:, None] - b, axis=2) for a, b in pairs])
        weights = kernel.weights / between.mean((1, 2))
        covariance = np.exp(-np.einsum("v,vab->ab", weights, between)) + noise * np.eye(24)
        shared = np.exp(-np.einsum("v,vab->ab", weights, across))
        mean = shared @ np.linalg.solve(covariance, 2 * labels - 1 - prior) + prior
        explained = (shared * np.linalg.solve(covariance, shared.T).T).sum(1, keepdims=True)
        variance = 1 + noise - explained
        expected = evidence(neighbours.under(mask).kernel.logits(mean, variance), variance)
        np.testing.assert_allclose(found[number : number + 1], expected, rtol=2e-3, atol=2e-3)


def test_evidence_on_a_version_leaves_its_own_run_out() -> None:
    runs = whole()
    neighbours, of_training = fit_neighbours(BRIEF, ResidentRuns.load(runs), np.arange(24))
    kept = unpacked(neighbours.state["lowest"], neighbours.state["excess"])
    again = neighbours.evidence(kept, np.arange(24))
    np.testing.assert_array_equal(again, of_training)
    flipped = {**neighbours.state, "labels": neighbours.state["labels"].copy()}
    flipped["labels"][3] = 1 - flipped["labels"][3]
    version = coarse_of([without(runs[3], LESS["six m/z"])])
    both = [Neighbours(state) for state in (neighbours.state, flipped)]
    without_own = [each.evidence(version, np.array([3])) for each in both]
    with_own = [each.evidence(version) for each in both]
    moved = [np.abs(first - second).max() for first, second in (without_own, with_own)]
    assert moved[1] > 3 * moved[0]  # the calibration has seen the labels in either case


def test_versions_lack_what_was_drawn_and_keep_their_labels() -> None:
    runs = whole()
    versions, own = missing_versions(runs, np.arange(24), 1.5, (7,))
    assert len(versions) == len(own) == 36
    np.testing.assert_array_equal(versions.labels, store().labels[own])
    again, own_again = missing_versions(runs, np.arange(24), 1.5, (7,))
    np.testing.assert_array_equal(versions.scans, again.scans)
    np.testing.assert_array_equal(own, own_again)
    coarse = coarse_runs(versions, np.arange(36))
    masks = masks_of(coarse, usual_mz())
    assert 4 < len(set(masks)) <= 40
    assert max(np.nanmax(coarse.abundance, (1, 2))) <= 1 + 1e-5


def test_what_is_drawn_leaves_something() -> None:
    lists = [tuple(range(1, 100)), (2, 18, 44)]
    drawn = [draw_missing(lists, stream(b"test", (seed,))) for seed in range(300)]
    assert all(each.end_degC - max(each.start_degC, 0) > 150 for each in drawn)
    assert all(each.mz is None or {18, 44} <= set(each.mz) for each in drawn)
    assert any(each.mz is None for each in drawn)
    assert any(np.isinf(each.end_degC) for each in drawn)


def test_where_next_to_nothing_is_left_the_run_stays() -> None:
    run = whole()[0]
    assert without(run, Missing((999,))) is run
    assert without(run, Missing(start_degC=995.0)) is run


def test_an_m_z_that_was_read_only_in_what_is_missing_was_not_measured() -> None:
    run = whole()[0]
    gone = run.abundance.copy()
    gone[run.temperature < 500, 3] = np.nan
    less = without(replace(run, abundance=gone), Missing(end_degC=450.0))
    assert set(run.mz) - set(less.mz) == {run.mz[3]}
    assert np.isfinite(less.background).all()


def test_a_mask_picks_m_z_and_bins() -> None:
    coarse = coarse_of(whole())
    kept = Mask(SIX, 2, 9).applied(coarse)
    np.testing.assert_array_equal(kept, coarse.abundance[:, SIX, 2:10])
