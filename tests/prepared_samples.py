"""Simulated runs of every kind that preprocessing, store and spectrograms have to cope with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from egams.families import Instrument
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_run

TINY = SimulationConfig.tiny()


def simulated(seed: int, instrument: Instrument = "commercial", *, tiny: bool = False) -> Run:
    """A simulated run."""
    config = TINY if tiny else SimulationConfig()
    rng = np.random.default_rng(seed)
    return simulate_run(rng, instrument=instrument, config=config, run_id=f"{instrument}-{seed}")


@cache
def raw_samples() -> tuple[Run, ...]:
    """Commercial and SAM runs, whole and tiny; one without families cut short; one with holes."""
    whole, second = simulated(1), simulated(2)
    warm = (second.temperature > 100) & (second.temperature < 420)
    short = replace(
        second,
        run_id="short",
        temperature=second.temperature[warm],
        abundance=second.abundance[warm],
        time=None,
        labels=np.zeros(10),
    )
    patchy = np.array(whole.abundance)
    patchy[np.random.default_rng(0).uniform(size=patchy.shape) < 0.2] = np.nan
    patchy[:, (whole.mz >= 30) & (whole.mz < 33)] = np.nan
    patchy[4:, whole.mz == 40] = np.nan
    return (
        whole,
        second,
        simulated(3, tiny=True),
        simulated(4, "sam_testbed"),
        simulated(5, "sam_testbed", tiny=True),
        short,
        replace(whole, run_id="patchy", abundance=patchy, labels=None),
    )


@cache
def prepared_samples() -> tuple[PreparedRun, ...]:
    """The same, prepared."""
    prepared = prepare_runs(raw_samples())
    assert all(isinstance(run, PreparedRun) for run in prepared)
    return tuple(run for run in prepared if isinstance(run, PreparedRun))
