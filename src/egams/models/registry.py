"""The one list of models: a configuration's `kind` names its model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from egams.models.boosting import LightgbmConfig
from egams.models.cnn import CnnConfig
from egams.models.conv1d import Conv1dConfig
from egams.models.gru import GruConfig
from egams.models.neighbours import NeighboursConfig
from egams.models.vit1d import Vit1dConfig

NetworkConfig = Conv1dConfig | GruConfig | CnnConfig | Vit1dConfig
NETWORKS: tuple[type[NetworkConfig], ...] = (Conv1dConfig, GruConfig, CnnConfig, Vit1dConfig)

ModelConfig = Annotated[
    NetworkConfig | LightgbmConfig | NeighboursConfig, Field(discriminator="kind")
]
