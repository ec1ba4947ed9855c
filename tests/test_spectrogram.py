"""`render` against a slow NumPy reference; `draw` against the distributions it draws from."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy import stats

from egams.arrays import to_numpy
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import BACKGROUND_POWER, Draws, draw, draw_each, windows
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns, column_temperatures
from prepared_samples import prepared_samples
from reference_spectrogram import COLUMNS, Choices, candidates, spectrogram

SAMPLES = prepared_samples()
EVERYONE = np.arange(len(SAMPLES))


@pytest.fixture(scope="module", params=["numpy", "torch"])
def runs(request) -> ResidentRuns:
    runs = ResidentRuns.load(SAMPLES)
    return runs if request.param == "numpy" else runs.to("cpu")


def image_of(runs, draws, config) -> np.ndarray:
    """A spectrogram of either library, as NumPy's."""
    image = render(runs, draws, config)
    assert type(image) is type(runs.scans)
    return to_numpy(image)


def drawn(runs, config, run=EVERYONE, *, seed=0, partners=EVERYONE) -> Draws:
    generator = np.random.default_rng(seed)
    return draw(windows(runs, config), run, config, generator, partners=partners)


def choices_of(draws: Draws, position: int, runs: ResidentRuns) -> Choices:
    """What the reference calls a draw."""
    scan = draws.scan[position]
    first = int(runs.first_scan[int(draws.run[position])])
    return Choices(
        scan=np.where(scan < 0, -1, scan - first),
        subtract_baseline=bool(draws.subtract_baseline[position]),
        background_weight=draws.background_weight[position].astype(np.float64),
        mz_scale=draws.mz_scale[position].astype(np.float64),
        faint_scale=float(draws.faint_scale[position]),
        helium_scale=float(draws.helium_scale[position]),
        total_scale=float(draws.total_scale[position]),
    )


def reference_of(draws: Draws, runs: ResidentRuns, config: SpectrogramConfig) -> np.ndarray:
    second = {}
    if draws.partner is not None:
        for k, position in enumerate(draws.mixed.tolist()):
            partner = SAMPLES[draws.partner.run[k]], choices_of(draws.partner, k, runs)
            second[position] = {"second": partner, "by_mean": bool(draws.by_mean[k])}
    look = {"norm": config.norm, "floor": config.floor, "unit_range": config.unit_range}
    return np.stack(
        [
            spectrogram(SAMPLES[run], choices_of(draws, k, runs), **look, **second.get(k, {}))
            for k, run in enumerate(draws.run.tolist())
        ]
    )


LOOKS = [
    SpectrogramConfig(norm=norm, baseline_prob=prob, mz_sigma=sigma, floor=floor, unit_range=unit)
    for (norm, prob, sigma), (floor, unit) in zip(
        itertools.product(("max", "band", "share"), (0.0, 1.0), (0.5, 1.0)),
        itertools.cycle([(1e-4, True), (1e-3, True), (1e-4, False)]),
        strict=False,
    )
]


LOOKS.append(SpectrogramConfig(floor=0.3))


@pytest.mark.parametrize("config", LOOKS, ids=lambda c: f"{c.norm}-{c.baseline_prob}-{c.floor}")
def test_render_equals_the_reference(runs, config):
    draws = drawn(runs, config.model_copy(update={"reach": 12.0}))
    assert (draws.scan < 0).any()  # columns without a candidate are among them
    compare(image_of(runs, draws, config), reference_of(draws, runs, config), config)


@pytest.mark.parametrize("norm", ["max", "band", "share"])
def test_mixtures_equal_the_reference(runs, norm):
    config = SpectrogramConfig(norm=norm, mix=1.0, baseline_prob=0.5)
    run = np.tile(EVERYONE, 3)
    draws = drawn(runs, config, run)
    assert len(draws.mixed) == len(run)
    assert 0 < draws.by_mean.sum() < len(run)
    faint = runs.labels[draws.partner.run].sum(1) == 0
    assert faint.any()
    compare(image_of(runs, draws, config), reference_of(draws, runs, config), config)

    labels, known = to_numpy(mixed_labels(runs, draws)), to_numpy(runs.labels)
    expected = np.maximum(known[run], known[draws.partner.run])
    np.testing.assert_array_equal(labels, expected)
    assert np.array_equal(runs.labels, ResidentRuns.load(SAMPLES).labels, equal_nan=True)


@pytest.mark.parametrize("mix", [0.0, 1.0])
@pytest.mark.parametrize("unit_range", [True, False])
def test_all_normalisations_are_the_three_one_under_the_other(runs, mix, unit_range):
    floors = {"max": 1e-4, "band": 1e-3, "share": 1e-3}
    look = {"mix": mix, "baseline_prob": 0.5, "unit_range": unit_range}
    config = SpectrogramConfig(norm="all", floor=1e-4, **look)
    draws = drawn(runs, config)
    assert len(draws.mixed) == len(SAMPLES) * mix
    single = [
        image_of(runs, draws, SpectrogramConfig(norm=norm, floor=floor, **look))
        for norm, floor in floors.items()
    ]
    together = image_of(runs, draws, config)
    assert together.shape == (len(SAMPLES), config.rows, 80)
    assert np.array_equal(together, np.concatenate(single, 1))


def test_a_run_without_labels_is_made_faint(runs):
    """0.01 times the other; only where it is known to hold no family, and only in mixtures."""
    config = SpectrogramConfig(mix=0.5, mz_sigma=0.0)
    none = next(k for k, run in enumerate(SAMPLES) if run.run_id == "short")
    draws = drawn(runs, config, np.full(64, none), partners=np.array([0]))
    mixed = np.zeros(64, np.bool_)
    mixed[draws.mixed] = True
    alone = drawn(runs, config, np.full(64, none), partners=None)
    compare(image_of(runs, draws, config), reference_of(draws, runs, config), config)
    assert 10 < mixed.sum() < 54
    single = image_of(runs, replace(draws, mixed=alone.mixed, partner=None), config)
    assert np.array_equal(image_of(runs, draws, config)[~mixed], single[~mixed])


@pytest.mark.parametrize("norm", ["max", "band", "share"])
def test_strong_signals_are_cut_off(runs, norm):
    """At 16 times the largest, before helium is made small and the whole is divided."""
    config = SpectrogramConfig(norm=norm)
    draws = drawn(runs, config)
    draws = replace(draws, mz_scale=draws.mz_scale * np.logspace(0, 3, 100, dtype=np.float32))
    compare(image_of(runs, draws, config), reference_of(draws, runs, config), config)


def compare(rendered: np.ndarray, reference: np.ndarray, config: SpectrogramConfig) -> None:
    """Equal to 1e-4 of the log10 range; where a large background leaves next to nothing, to 1e-3.

    Single precision, in which `render` subtracts, is as good as that and no better.
    """
    decades = 1.0 if config.unit_range else -np.log10(config.floor)
    assert rendered.shape == (*reference.shape[:1], 100, 80)
    assert rendered.dtype == np.float32
    low, high = (0.0, 1.0) if config.unit_range else (np.log10(config.floor), 0.0)
    assert low - 1e-6 <= rendered.min() < rendered.max() <= high + 1e-6
    np.testing.assert_allclose(rendered, reference, rtol=0, atol=1e-3 * decades)
    assert np.mean(np.abs(rendered - reference) > 1e-4 * decades) < 1e-4


def test_batch_size_does_not_matter(runs):
    for config in (LOOKS[0], LOOKS[5], LOOKS[9], SpectrogramConfig(mix=1.0)):
        draws = drawn(runs, config, np.tile(EVERYONE, 5))
        together = image_of(runs, draws, config)
        for k in (0, 3, 17):
            assert np.array_equal(
                together[k : k + 1], image_of(runs, part_of(draws, k, k + 1), config)
            )
        halves = [image_of(runs, part_of(draws, *ends), config) for ends in ((0, 16), (16, 35))]
        assert np.array_equal(together, np.concatenate(halves))


@pytest.mark.parametrize("norm", ["max", "band", "share", "all"])
def test_numpy_and_torch_render_the_same(norm):
    config = SpectrogramConfig(norm=norm, mix=0.5, baseline_prob=0.5)
    arrays = ResidentRuns.load(SAMPLES)
    tensors = arrays.to("cpu")
    draws, again = (drawn(each, config) for each in (arrays, tensors))
    assert all(
        np.array_equal(getattr(draws, name), getattr(again, name))
        for name in ("scan", "mz_scale", "background_weight", "mixed", "by_mean")
    )
    apart = np.abs(render(arrays, draws, config) - render(tensors, draws, config).numpy())
    # Of a band with next to no signal, single precision leaves its last digits open.
    assert apart.max() < 1e-3
    assert np.mean(apart > 2e-6) < 1e-4
    labels = mixed_labels(arrays, draws), mixed_labels(tensors, draws).numpy()
    np.testing.assert_array_equal(*labels)


def part_of(draws: Draws, start: int, end: int) -> Draws:
    """A slice of a batch in which nothing or everything is mixed."""
    everything = len(draws.mixed) > 0
    cut = {
        entry.name: getattr(draws, entry.name)[start:end]
        for entry in fields(Draws)
        if entry.name not in {"mixed", "partner"}
    }
    mixed = np.arange(end - start) if everything else draws.mixed
    partner = part_of(draws.partner, start, end) if draws.partner is not None else None
    return Draws(**cut, mixed=mixed, partner=partner)


def test_the_generator_is_the_only_source_of_randomness(runs):
    config = SpectrogramConfig(mix=0.5, baseline_prob=0.5)
    before = torch.random.get_rng_state()
    first, again, other = (drawn(runs, config, seed=seed) for seed in (1, 1, 2))
    images = [image_of(runs, draws, config) for draws in (first, first, again, other)]
    assert np.array_equal(torch.random.get_rng_state(), before)
    assert np.array_equal(images[0], images[1])  # rendering changes nothing it is given
    assert np.array_equal(images[0], images[2])
    assert not np.array_equal(images[0], images[3])


def test_draws_of_its_own_for_each_run(runs):
    """Whatever else is drawn, and wherever the run stands; a different seed, different draws."""
    config = SpectrogramConfig(mix=0.5, baseline_prob=0.5)
    table = windows(runs, config)

    def images(runs, table, positions, seed):
        draws = draw_each(runs, table, np.array(positions), config, 3, seed)
        assert len(draws.mixed) == 0
        return image_of(runs, draws, config)

    together = images(runs, table, [0, 3, 5], [7, 1])
    assert np.array_equal(images(runs, table, [5, 3], [7, 1]), together[[6, 7, 8, 3, 4, 5]])
    alone = ResidentRuns.load([replace(SAMPLES[3], run_id="renamed")])
    alone = alone if isinstance(runs.scans, np.ndarray) else alone.to("cpu")
    assert np.array_equal(images(alone, windows(alone, config), [0], [7, 1]), together[3:6])
    assert not np.array_equal(images(runs, table, [0, 3, 5], [7, 2]), together)
    assert not np.array_equal(together[0], together[1])


# Distributions. Seeds are fixed, so a test that passes once passes always.

MANY = 20_000


def test_scans_are_drawn_by_distance(runs):
    """Chi-square of the scans drawn for several columns of several runs, at either reach."""
    for reach, run in itertools.product((16.0, 12.0), (0, 3, 5)):
        config = SpectrogramConfig(reach=reach)
        draws = drawn(runs, config, np.full(MANY, run))
        scan = draws.scan - int(runs.first_scan[run])
        for column in (0, 3, 7, 20, 31, 79):
            near, probability = candidates(SAMPLES[run], COLUMNS[column], reach)
            if len(near) == 0:
                assert (draws.scan[:, column] == -1).all()
                continue
            counts = np.bincount(scan[:, column], minlength=near[-1] + 1)
            assert counts.sum() == counts[near].sum()
            if len(near) > 1:
                assert stats.chisquare(counts[near], MANY * probability).pvalue > 1e-4


def test_columns_without_candidates(runs):
    for reach in (16.0, 12.0, 1.0):
        table = windows(runs, SpectrogramConfig(reach=reach))
        for k, run in enumerate(SAMPLES):
            none = [len(candidates(run, column, reach)[0]) == 0 for column in COLUMNS]
            np.testing.assert_array_equal(table.empty[k], none)
    assert table.empty.any()


def test_no_column_of_any_run_has_a_candidate():
    run = SAMPLES[0]
    between = np.linspace(34.2, 40.8, len(run.temperature))
    alone = ResidentRuns.load([replace(run, temperature=between)])
    config = SpectrogramConfig(reach=0.25)
    draws = drawn(alone, config, np.zeros(2, np.intp), partners=None)
    assert (draws.scan == -1).all()
    assert (image_of(alone, draws, config) == 0).all()


def test_background_weights(runs):
    draws = drawn(runs, SpectrogramConfig(), np.zeros(MANY, np.intp))
    weight = draws.background_weight.astype(np.float64)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-6)
    expected = np.random.default_rng(0).uniform(size=(10 * MANY, 4)) ** BACKGROUND_POWER
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(weight.mean(0), 0.25, atol=0.01)
    for q in range(4):
        assert stats.ks_2samp(weight[:, q], expected[:, q]).pvalue > 1e-4
    np.testing.assert_allclose(np.cov(weight.T), np.cov(expected.T), atol=0.002)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_scales_are_log_normal(runs, sigma):
    draws = drawn(runs, SpectrogramConfig(mz_sigma=sigma), np.zeros(MANY, np.intp))
    for scale, centre, width in (
        (draws.mz_scale[:, 44], 1.0, sigma),
        (draws.mz_scale[:200].ravel(), 1.0, sigma),
        (draws.faint_scale, 0.01, 1.0),
        (draws.helium_scale, 0.1, 0.001),
        (draws.total_scale, 1.0, 0.05),
    ):
        z = np.log2(scale.astype(np.float64) / centre) / width
        assert stats.kstest(z, "norm").pvalue > 1e-4
    between = np.corrcoef(np.log(draws.mz_scale[:, [17, 18, 44]]).T)
    np.testing.assert_allclose(between, np.eye(3), atol=0.03)


def test_shares_of_baselines_and_mixtures(runs):
    run = np.zeros(MANY, np.intp)
    config = SpectrogramConfig(mix=0.25, baseline_prob=0.5)
    draws = drawn(runs, config, run, partners=np.array([1, 4, 6]))
    subtracted, mixed = int(draws.subtract_baseline.sum()), len(draws.mixed)
    assert stats.binomtest(subtracted, MANY, 0.5).pvalue > 1e-4
    assert stats.binomtest(mixed, MANY, 0.25).pvalue > 1e-4
    assert stats.binomtest(int(draws.by_mean.sum()), mixed, 0.5).pvalue > 1e-4
    counts = np.bincount(draws.partner.run, minlength=7)
    assert stats.chisquare(counts[[1, 4, 6]]).pvalue > 1e-4
    assert counts.sum() == counts[[1, 4, 6]].sum()
    assert draws.partner.partner is None
    never = drawn(runs, SpectrogramConfig(mix=0.0, baseline_prob=0.0), run)
    assert never.partner is None
    assert not never.subtract_baseline.any()
    assert drawn(runs, config.for_prediction(), run).partner is None


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 0.0), (24.0, 0.0), (0.0, 0.05), (24.0, 0.05)])
def test_peaks_move_as_one(runs, shift, stretch):
    """What a column shows comes from where shift and stretch of its run say, within reach."""
    run = np.zeros(400, np.intp)
    config = SpectrogramConfig(shift=shift, stretch=stretch)
    draws = drawn(runs, config, run)
    columns = column_temperatures()
    moved = np.full((len(run), len(columns)), np.nan)
    found = draws.scan >= 0
    moved[found] = to_numpy(runs.temperature)[draws.scan[found]]
    middle = slice(20, 50)  # away from the ends, where the last column stays
    slopes = []
    for row in moved:
        known = ~np.isnan(row[middle])
        slope, start = np.polyfit(columns[middle][known] - 30, row[middle][known] - 30, 1)
        at = slope * (columns[middle][known] - 30) + start + 30
        assert np.abs(row[middle][known] - at).max() < 30  # reach, half a column, and the fit
        slopes.append(slope)
    centre = np.nanmean(moved[:, middle] - columns[middle], axis=1)
    if not shift and not stretch:
        assert np.abs(centre).max() < 12
        return
    away = columns[middle].mean() - 30
    expected = np.hypot(shift, away * stretch * np.log(2))
    assert np.std(centre) == pytest.approx(expected, rel=0.2)
    assert np.std(slopes) == pytest.approx(stretch * np.log(2), rel=0.3, abs=0.02)
    calm = drawn(runs, config.for_prediction(), run)
    assert np.array_equal(calm.scan, drawn(runs, SpectrogramConfig(), run).scan)


def test_resident_runs_hold_what_was_prepared(runs):
    assert len(runs) == len(SAMPLES)
    assert runs.context.shape[0] == len(SAMPLES)
    for k, run in enumerate(SAMPLES):
        first, count = int(runs.first_scan[k]), int(runs.scan_count[k])
        assert count == len(run.temperature)
        for part, signal in enumerate((run.abundance, run.abundance - run.baseline)):
            here = to_numpy(runs.scans[first + part * runs.scan_total :][:count])
            above = (signal - run.background[part, 0]).astype(np.float32)
            expected = np.full((count, 100), np.float32(-1))
            expected[:, run.mz] = np.where(np.isnan(above), -1, above)
            np.testing.assert_array_equal(here, expected)
        labels = np.full(10, np.nan) if run.labels is None else run.labels
        np.testing.assert_array_equal(runs.labels[k], labels)
    assert (runs.scans[-1] == -1).all()
