"""What a spectrogram looks like and how it varies from draw to draw."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from egams.conventions import MZ_COUNT


class SpectrogramConfig(BaseModel):
    """Settings of section "2D representations" and "Data augmentation" of the write-up.

    Parameters
    ----------
    reach
        Scans within this many degC of a column are candidates for it.
    floor
        Smallest value kept, relative to the largest.
    unit_range
        Map log10 values from log10(floor)..0 to 0..1.
    norm
        ``"max"``: by the run's maximum. ``"band"``: each m/z by its own maximum first.
        ``"share"``: each temperature by its total ion signal without helium first. ``"all"``:
        these three, one under the other; the last two have ten times the floor, 0.1 at most.
    mz_sigma
        Each m/z is scaled by 2^N(0, mz_sigma).
    mix
        Chance that a second run is mixed in; in training only.
    shift, stretch
        The whole run is moved by N(0, shift) degC, and its temperatures above 30 degC are scaled by
        2^N(0, stretch), as by other heating rates and pressures; in training only.
    baseline_prob
        Chance that the asPLS baseline is subtracted, in training and in prediction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reach: float = Field(16.0, gt=0)
    floor: float = Field(1e-4, gt=0, lt=1)
    unit_range: bool = True
    norm: Literal["max", "band", "share", "all"] = "max"
    mz_sigma: float = Field(0.5, ge=0)
    mix: float = Field(0.0, ge=0, le=1)
    shift: float = Field(0.0, ge=0)
    stretch: float = Field(0.0, ge=0)
    baseline_prob: float = Field(0.0, ge=0, le=1)

    @property
    def rows(self) -> int:
        """Rows of a spectrogram."""
        return MZ_COUNT * (3 if self.norm == "all" else 1)

    def for_prediction(self) -> SpectrogramConfig:
        """Return the settings without mixing and moved peaks; other augmentations go on."""
        return self.model_copy(update={"mix": 0.0, "shift": 0.0, "stretch": 0.0})
