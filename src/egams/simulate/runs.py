"""Simulated runs: one, or an endless number of them from one seed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from egams.errors import ConfigError
from egams.families import INSTRUMENTS, Instrument
from egams.run import Run
from egams.simulate.commercial import simulate_commercial
from egams.simulate.config import SimulationConfig
from egams.simulate.sam import simulate_sam
from egams.simulate.sample import draw_families, label_vector

_DEFAULT = SimulationConfig()


def simulate_run(
    rng: np.random.Generator,
    *,
    instrument: Instrument = "commercial",
    families: Collection[str] | None = None,
    config: SimulationConfig = _DEFAULT,
    run_id: str = "simulated",
) -> Run:
    """Simulate one EGA-MS run.

    Parameters
    ----------
    rng
        Source of all randomness.
    instrument
        Instrument the sample is run on.
    families
        Families in the sample; empty for an empty cup; None to draw a plausible set.
    config
        Settings of the simulator.
    run_id
        Name of the run.

    Returns
    -------
    egams.run.Run
        With labels. Commercial: temperature, degC, and time, s, ``[scan]``, abundance, A,
        ``[scan, m/z]``. SAM testbed: temperature, time and abundance, counts/s, ``[scan, m/z]``.

    Raises
    ------
    ConfigError
        If `instrument` or one of `families` is unknown.
    """
    if instrument not in INSTRUMENTS:
        raise ConfigError(f"unknown instrument '{instrument}'; expected one of {INSTRUMENTS}.")
    present = draw_families(rng) if families is None else frozenset(families)
    labels = label_vector(present)
    simulate = simulate_commercial if instrument == "commercial" else simulate_sam
    return Run(
        run_id=run_id,
        instrument=instrument,
        labels=labels,
        notes=("simulated",),
        **simulate(present, rng, config)._asdict(),
    )


def simulate_runs(
    n: int,
    rng: np.random.Generator,
    *,
    config: SimulationConfig = _DEFAULT,
    first: int = 0,
) -> Iterator[Run]:
    """Simulate `n` runs one after another, instrument and families drawn.

    Run k depends on the seed of `rng` and on k alone: ten runs are the first ten of twenty.

    Parameters
    ----------
    n
        Number of runs.
    rng
        Generator whose children (`numpy.random.Generator.spawn`) simulate the runs.
    config
        Settings of the simulator.
    first
        Number of the first run: they are called ``S0000``, ``S0001``...

    Yields
    ------
    egams.run.Run
    """
    # Spawned now, not on iteration, so that what else spawns from `rng` meanwhile does not matter.
    children = rng.spawn(n)
    return (
        simulate_run(
            child,
            instrument="sam_testbed" if child.uniform() < config.sam_share else "commercial",
            config=config,
            run_id=f"S{first + k:04d}",
        )
        for k, child in enumerate(children)
    )
