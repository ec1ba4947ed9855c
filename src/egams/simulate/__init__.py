"""Simulated EGA-MS runs for tests and the demo, with the truth known."""

from egams.simulate.challenge import simulate_challenge, write_challenge
from egams.simulate.config import SimulationConfig
from egams.simulate.runs import simulate_run, simulate_runs

__all__ = [
    "SimulationConfig",
    "simulate_challenge",
    "simulate_run",
    "simulate_runs",
    "write_challenge",
]
