"""What all models share: settings under a kind; of networks also sizes, and how they are built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from egams.conventions import MZ_COUNT
from egams.families import FAMILIES
from egams.spectrogram.context import CONTEXT_FEATURES

if TYPE_CHECKING:
    from torch import nn

FROM_SCRATCH = "scratch"
EVIDENCE_WIDTH = 64
"""Size that evidence is brought to before the logits."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network's inputs and outputs.

    Parameters
    ----------
    rows
        Of the spectrogram: 100 m/z for each normalisation.
    context
        Features of the run's context.
    outputs
        Logits: of the families, then of the label sets where it learns them
        (`egams.models.label_sets`).
    """

    rows: int = MZ_COUNT
    context: int = CONTEXT_FEATURES
    outputs: int = len(FAMILIES)


class ModelSettings(BaseModel):
    """Settings of a model of any kind.

    Parameters
    ----------
    kind
        Its name in `egams.models.registry`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs_unit_range: ClassVar[bool] = False
    """Whether its spectrograms must be from 0 to 1."""

    trained_in_epochs: ClassVar[bool] = False
    """Whether `egams.experiments.training_config.TrainingConfig` is about it."""

    draws_spectrograms: ClassVar[bool] = True
    """Whether it learns from drawn spectrograms, and from versions of runs that are made for it."""

    kind: str

    def shortened(self, share: float) -> Self:
        """Return settings of a training of `share` the length, where they say how long it is."""
        return self


class NetworkSettings(ModelSettings, ABC):
    """Settings that every network has.

    Parameters
    ----------
    mz_dropout
        Share of a spectrogram's rows silenced in training.
    dropout
        Before the logits, and between layers where a network has it.
    context_width
        Size the run's context is brought to; 0 leaves it out.
    """

    trained_in_epochs: ClassVar[bool] = True

    mz_dropout: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    context_width: int = Field(32, ge=0)

    @abstractmethod
    def build(self, sizes: Sizes) -> nn.Module:
        """Make the network, freshly initialised, for inputs and outputs of these `sizes`.

        It maps a spectrogram ``[B, row, temperature]`` and a context ``[B, feature]`` to logits
        ``[B, output]``.
        """

    def prepare(self, network: nn.Module) -> str:
        """Give a `network` that `build` made the weights its training starts from.

        Returns
        -------
        str
            Where they are from; kept with what is trained.
        """
        return FROM_SCRATCH
