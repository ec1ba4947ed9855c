"""What is known of a run beside its spectrogram: background, measured m/z, how it was heated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.arrays import Array, namespace
from egams.conventions import MZ_COUNT
from egams.preprocess.prepare_runs import PreparedRun

CONTEXT_FEATURES = 2 * MZ_COUNT + 6
LOWEST_BACKGROUND = 1e-8
FINEST_STEP = 0.01


@dataclass(frozen=True)
class Context:
    """What background subtraction and resampling take away from runs, in NumPy or torch.

    Parameters
    ----------
    level
        Background of each m/z, see `background_level`; 0 where not measured ``[..., m/z]``.
    measured
        Whether each m/z was measured ``[..., m/z]``.
    scans
        Number of scans ``[...]``.
    start_degC, end_degC
        Temperature of the first and the last scan, degC ``[...]``.
    step_degC
        Median step from scan to scan, degC ``[...]``; from 0.01 on.
    is_sam
        Whether the run is of the SAM testbed ``[...]``.
    """

    level: Array
    measured: Array
    scans: Array
    start_degC: Array
    end_degC: Array
    step_degC: Array
    is_sam: Array

    def encode(self) -> Array:
        """Features of order 1, which models see ``[..., feature]``.

        Level and measured of each m/z; log2 of scans / 10; start and end / 1000; log2 of step / 10;
        the share of m/z measured; whether SAM.
        """
        xp = namespace(self.level)
        of_run = [
            xp.log2(self.scans) / 10,
            self.start_degC / 1000,
            self.end_degC / 1000,
            xp.log2(xp.clip(self.step_degC, FINEST_STEP, None)) / 10,
            self.measured.sum(-1) / MZ_COUNT,
            self.is_sam,
        ]
        parts = [self.level * self.measured, self.measured, xp.stack(of_run, axis=-1)]
        return xp.concat(parts, axis=-1)

    @classmethod
    def decode(cls, features: Array) -> Context:
        """Read what `encode` returned, with or without further features after it."""
        xp = namespace(features)
        scans, start, end, step, _, is_sam = range(2 * MZ_COUNT, CONTEXT_FEATURES)
        return cls(
            level=features[..., :MZ_COUNT],
            measured=features[..., MZ_COUNT : 2 * MZ_COUNT] > 0,
            scans=xp.round(2 ** (features[..., scans] * 10)),
            start_degC=features[..., start] * 1000,
            end_degC=features[..., end] * 1000,
            step_degC=2 ** (features[..., step] * 10),
            is_sam=features[..., is_sam] > 0,
        )


def context_of(run: PreparedRun) -> NDArray[np.float32]:
    """Encode the context of a run ``[feature]``."""
    background = np.zeros(MZ_COUNT)
    background[run.mz] = run.background[0, 1]
    measured = np.zeros(MZ_COUNT, dtype=np.bool_)
    measured[run.mz] = True
    steps = np.diff(run.temperature)
    context = Context(
        level=background_level(background),
        measured=measured,
        scans=np.array(len(run.temperature)),
        start_degC=run.temperature[0],
        end_degC=run.temperature[-1],
        step_degC=np.array(np.median(steps) if len(steps) else 0.0),
        is_sam=np.array(run.instrument == "sam_testbed"),
    )
    return np.asarray(context.encode(), np.float32)


def background_level(background: Array) -> Array:
    """Log10 of a background relative to the run's maximum, as 0..1 from 1e-8 of it to 1."""
    xp, lowest = namespace(background), LOWEST_BACKGROUND
    return 1 - xp.log10(xp.clip(background, lowest, 1.0)) / math.log10(lowest)


def background_at(level: Array) -> Array:
    """Background relative to the run's maximum: the inverse of `background_level`."""
    return LOWEST_BACKGROUND ** (1 - level)
