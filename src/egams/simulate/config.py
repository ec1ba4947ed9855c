"""`SimulationConfig`: how a set of simulated runs differs from the real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

from egams.errors import ConfigError

_RANGES = (
    (("sam_share", "odd_layouts"), 0, 1, "a share between 0 and 1"),
    (("scans", "sam_sweeps"), 2, math.inf, "2 or more, or None"),
    (("amount", "peak_shift", "noise"), 0, math.inf, "a factor of 0 or more"),
)


@dataclass(frozen=True)
class SimulationConfig:
    """Settings of the simulator; the defaults imitate the challenge's runs.

    Randomness comes from the `numpy.random.Generator` passed beside them.

    Parameters
    ----------
    sam_share
        Share of SAM-testbed runs among those whose instrument is drawn.
    scans
        Scans of a commercial run; None: as many as the ramp takes (135-385).
    sam_sweeps
        Sweeps over the mass list of a SAM run; None: as many as the ramp takes (85k-157k rows).
        With fewer, the instrument rests between sweeps.
    odd_layouts
        Share of commercial runs that do not measure m/z 0-99 but 0-149, 0-199 or fewer.
    amount
        Factor on the gas that samples give off.
    peak_shift
        Factor on the 20-200 degC by which pressure, flow, grain size and mass move peaks.
    noise
        Factor on the noise of the commercial instrument (SAM's is Poisson, and stays so).

    Raises
    ------
    ConfigError
        If a share is not within 0-1, a count is below 2, or a factor is negative.
    """

    sam_share: float = 0.05
    scans: int | None = None
    sam_sweeps: int | None = None
    odd_layouts: float = 0.15
    amount: float = 1.0
    peak_shift: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        for names, low, high, expected in _RANGES:
            for name in names:
                value = getattr(self, name)
                if value is not None and not low <= value <= high:
                    raise ConfigError(f"{name} is {value}; expected {expected}.")

    @classmethod
    def tiny(cls, *, sam_share: float = 0.05) -> SimulationConfig:
        """Return settings for fast tests: 40 scans or sweeps a run, `sam_share` of them SAM's."""
        return cls(sam_share=sam_share, scans=40, sam_sweeps=40)
