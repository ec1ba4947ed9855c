"""Flags of runs that are unlike the training runs."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from egams.ensemble.novelty import Novelty, fit_novelty
from egams.errors import InputError
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.run import Run
from egams.simulate import simulate_run
from egams.spectrogram.context import Context, context_of
from prepared_samples import TINY

TRAINING = 40


@cache
def raw(seed: int, instrument: str = "commercial") -> Run:
    rng = np.random.default_rng(seed)
    return simulate_run(rng, instrument=instrument, config=replace(TINY, odd_layouts=0.0))


def contexts(runs: list[Run]) -> np.ndarray:
    prepared = list(prepare_runs(runs))
    assert all(isinstance(run, PreparedRun) for run in prepared)
    return np.stack([context_of(run) for run in prepared])


@cache
def training() -> tuple[np.ndarray, np.ndarray]:
    distances = np.random.default_rng(0).uniform(0.1, 0.5, TRAINING)
    return contexts([raw(seed) for seed in range(TRAINING)]), distances


@cache
def novelty() -> Novelty:
    return fit_novelty(*training(), ["commercial"] * TRAINING)


def flags(run: Run, distance: float = 0.3) -> tuple[str, ...]:
    (found,) = novelty().flags(contexts([run]), [distance], [run.instrument])
    return found


def cut(run: Run, low: float, high: float) -> Run:
    kept = (run.temperature >= low) & (run.temperature <= high)
    return replace(run, temperature=run.temperature[kept], abundance=run.abundance[kept], time=None)


def without(run: Run, *mz: int) -> Run:
    kept = ~np.isin(run.mz, mz)
    return replace(run, mz=run.mz[kept], abundance=run.abundance[:, kept])


def test_few_training_runs_are_flagged_themselves():
    context, distances = training()
    found = novelty().flags(context, distances, ["commercial"] * TRAINING)
    assert np.mean([bool(reasons) for reasons in found]) <= 0.05


CHANGES = {
    "starts late": (lambda run: cut(run, 250, 2000), "starts at .* released below is not seen"),
    "ends early": (lambda run: cut(run, 0, 400), "ends at .* released above is not seen"),
    "no water": (lambda run: without(run, 17, 18), r"18 and 17 \(H2O\) .*phyllosilicate"),
    "water by its fragment": (lambda run: without(run, 18), r"m/z 18 \(H2O\) .*, 17 is"),
    "no CO2": (lambda run: without(run, 44), "m/z 44 .* carbonate, oxalate"),
    "no SO2": (lambda run: without(run, 48, 64), "64 and 48 .* sulfate, sulfide"),
    "light m/z only": (lambda run: without(run, *range(46, 100)), "46 m/z measured"),
    "weak": (
        lambda run: replace(run, abundance=run.abundance + 0.5 * np.nanmax(run.abundance)),
        "weak signal",
    ),
    "few scans": (
        lambda run: replace(
            run, temperature=run.temperature[::4], abundance=run.abundance[::4], time=None
        ),
        "degC from scan to scan",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_that_was_changed_is_flagged_with_its_reason(change):
    change_run, reason = CHANGES[change]
    for seed in range(1000, 1003):
        found = flags(change_run(raw(seed)))
        assert any(re.search(reason, sentence) for sentence in found), found


def test_an_ion_is_not_missed_where_training_runs_had_now_one_now_the_other():
    context, distances = (values.copy() for values in training())
    context[::2, 100 + 48] = 0
    context[1::2, 100 + 64] = 0
    mixed = fit_novelty(context, distances, ["commercial"] * TRAINING)
    runs = [without(raw(1000), *mz) for mz in ((48,), (64,), (48, 64))]
    found = mixed.flags(contexts(runs), [0.3] * 3, ["commercial"] * 3)
    assert [any("SO2" in reason for reason in of_run) for of_run in found] == [False, False, True]


def test_a_sam_run_is_flagged_where_hardly_any_was_trained_on():
    run = raw(2000, "sam_testbed")
    assert "little is known of the SAM testbed: none of 40 training runs" in flags(run)
    many = fit_novelty(*training(), ["sam_testbed"] * 20 + ["commercial"] * 20)
    (found,) = many.flags(contexts([run]), [0.3], ["sam_testbed"])
    assert not any("little is known" in sentence for sentence in found)


def test_a_run_far_from_all_is_flagged():
    assert any("unlike every training run" in sentence for sentence in flags(raw(1000), 0.6))
    assert not any("unlike" in sentence for sentence in flags(raw(1000), 0.5 * 0.9))


def test_flags_of_a_run_do_not_depend_on_those_beside_it():
    runs = [raw(1001), without(raw(1001), 44), cut(raw(1001), 250, 2000)]
    together = novelty().flags(contexts(runs), [0.3] * 3, ["commercial"] * 3)
    assert together == tuple(flags(run) for run in runs)


def test_it_survives_json_and_refuses_what_does_not_fit():
    context, distances = training()
    fitted = novelty()
    kept = TypeAdapter(Novelty)
    assert kept.validate_json(kept.dump_json(fitted)) == fitted
    with pytest.raises(InputError, match="shape"):
        fitted.flags(context[:, :5], distances, ["commercial"] * TRAINING)
    with pytest.raises(InputError, match="not finite"):
        fitted.flags(context[:1], [np.nan], ["commercial"])
    with pytest.raises(InputError, match="no training run"):
        fit_novelty(context[:0], [], [])
    with pytest.raises(ValidationError, match="limits"):
        kept.validate_python({"runs": fitted.runs, "usual_mz": [], "usual_gases": []})


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (lambda run: run, False),
        (lambda run: cut(run, 0, 940), False),
        (lambda run: cut(run, 0, 700), True),
        (lambda run: cut(run, 140, 2000), True),
        (lambda run: without(run, 64), True),
        (lambda run: without(run, *range(46, 100)), True),
    ],
)
def test_a_run_lacks_what_nearly_all_training_runs_have(change, lacking):
    context = Context.decode(contexts([change(raw(TRAINING + 1))]).astype(float))
    assert novelty().lacks(context).tolist() == [lacking]
