"""How a network is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "bf16", "auto"]


class TrainingConfig(BaseModel):
    """Settings of the training loop.

    The write-up's recipe is ``epochs=1100, batch_size=8, learning_rate=1e-4, schedule="restarts",
    average="none"`` (5e-5 for sequence models, sgd at 1e-3 for some CNNs); the defaults are made
    for two CPU cores.

    Parameters
    ----------
    epochs
        Passes over the training runs.
    batch_size
        Runs in a step.
    optimiser, learning_rate, weight_decay
        ``"sgd"`` has Nesterov momentum 0.9.
    schedule
        ``"one_cycle"``: up over the first tenth, down to nothing. ``"restarts"``: cosine with warm
        restarts, see `egams.training.network.schedule`.
    loss, focus
        ``"bce"``, or ``"focal"`` with exponent `focus`.
    label_sets
        Weight of predicting the whole label set of a run (`egams.models.label_sets`), beside its
        families; 0 leaves label sets out.
    smoothing
        Labels become y / (1 + 2 smoothing) + smoothing.
    clip_norm
        Largest norm of the gradient.
    average, average_decay, average_share
        ``"ema"``: exponential moving average with `average_decay` a step; ``"swa"``: plain mean
        over the ends of the last `average_share` of the epochs; ``"none"``: weights of the last.
    precision
        ``"bf16"`` runs the network under autocast; ``"auto"`` does so where the hardware can.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(60, ge=1)
    batch_size: int = Field(32, ge=1)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["one_cycle", "restarts"] = "one_cycle"
    loss: Literal["bce", "focal"] = "bce"
    focus: float = Field(1.0, ge=0)
    label_sets: float = Field(0.0, ge=0)
    smoothing: float = Field(0.001, ge=0, lt=0.5)
    clip_norm: float = Field(64.0, gt=0)
    average: Literal["ema", "swa", "none"] = "ema"
    average_decay: float = Field(0.995, ge=0, lt=1)
    average_share: float = Field(0.25, gt=0, le=1)
    precision: Precision = "fp32"

    def lasting(self, epochs: int, **changes: Any) -> TrainingConfig:
        """Return this training with another number of `epochs`, and other `changes` if need be."""
        return TrainingConfig(**(self.model_dump() | {"epochs": epochs} | changes))
