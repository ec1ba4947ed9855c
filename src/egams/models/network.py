"""What all networks share: the sizes of what goes in and out, and settings they have in common."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from egams.families import FAMILIES
from egams.preprocess.restrict import MZ_COUNT
from egams.spectrogram.context import CONTEXT_FEATURES


@dataclass(frozen=True)
class Sizes:
    """Sizes of what a network sees and says.

    Parameters
    ----------
    rows
        Of the spectrogram: 100 m/z for each normalisation.
    context
        Features of the run's context.
    outputs
        Logits: of the families, then of the recipes where it learns them
        (`egams.models.recipes`).
    """

    rows: int = MZ_COUNT
    context: int = CONTEXT_FEATURES
    outputs: int = len(FAMILIES)


class NetworkSettings(BaseModel):
    """Settings that every network has.

    Parameters
    ----------
    mz_dropout
        Share of a spectrogram's rows silenced in training.
    dropout
        Before the logits, and between layers where a network says so.
    context_width
        Size the run's context is brought to; 0 leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mz_dropout: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    context_width: int = Field(32, ge=0)
