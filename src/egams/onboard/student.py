"""The student: binned runs in, probabilities out, everything between in one graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from egams.families import FAMILIES
from egams.models.process import LOGIT_SCALE
from egams.onboard.describe import Describe
from egams.onboard.kernel import KernelMachine, to_int8_grid

UNUSUAL = 4.0
"""Features further from the mean than this many standard deviations count as that far."""


class Head(nn.Module):
    """What to add to the kernel machine's logits, learned from a teacher.

    Parameters
    ----------
    centre, spread
        Mean and standard deviation of each feature on training runs ``[feature]``.
    hidden
        Units of the hidden layer.
    dropout
        Of features in training, and half as much of hidden units.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, centre: Tensor, spread: Tensor, hidden: int, dropout: float) -> None:
        super().__init__()
        evidence, families = len(FAMILIES) + 1, len(FAMILIES)
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        # Weights are [input, output], as ONNX multiplies them: each output has a grid of its own.
        self.inward = nn.Parameter(_uniform(len(centre), hidden))
        self.beside = nn.Parameter(_uniform(evidence, hidden))
        self.threshold = nn.Parameter(torch.zeros(hidden))
        self.outward = nn.Parameter(torch.zeros(hidden, families))
        self.direct = nn.Parameter(torch.zeros(evidence, families))
        self.shift = nn.Parameter(torch.zeros(families))
        self.dropout = dropout

    def forward(self, features: Tensor, logits: Tensor, variance: Tensor) -> Tensor:
        """Logits ``[run, family]``; `features` as `standard` gives them."""
        evidence = torch.cat([logits / LOGIT_SCALE, variance], 1)
        seen = functional.dropout(features, self.dropout, self.training)
        hidden = torch.relu(seen @ self.inward + evidence @ self.beside + self.threshold)
        hidden = functional.dropout(hidden, self.dropout / 2, self.training)
        return logits + hidden @ self.outward + evidence @ self.direct + self.shift

    def standard(self, features: Tensor) -> Tensor:
        """Standardise ``[run, feature]``."""
        return ((features - self.centre) / self.spread).clamp(-UNUSUAL, UNUSUAL)

    @classmethod
    @torch.no_grad()
    def mean_of(cls, heads: list[Head]) -> Head:
        """One head whose answer is the mean of the answers of several, on the grid of int8."""
        first = heads[0]
        made = cls(first.centre, first.spread, len(heads) * len(first.threshold), first.dropout)
        made.inward.copy_(to_int8_grid(torch.cat([head.inward for head in heads], 1)))
        made.beside.copy_(torch.cat([head.beside for head in heads], 1))
        made.threshold.copy_(torch.cat([head.threshold for head in heads]))
        outward = torch.cat([head.outward for head in heads]) / len(heads)
        made.outward.copy_(to_int8_grid(outward))
        made.direct.copy_(torch.stack([head.direct for head in heads]).mean(0))
        made.shift.copy_(torch.stack([head.shift for head in heads]).mean(0))
        return made.eval()


def _uniform(inputs: int, outputs: int) -> Tensor:
    largest = inputs**-0.5
    return torch.empty(inputs, outputs).uniform_(-largest, largest)


class Student(nn.Module):
    """A kernel machine and what a teacher corrects in it.

    Parameters
    ----------
    kernel
        Fitted on training runs.
    head
        Trained on the teacher's probabilities.
    """

    def __init__(self, kernel: KernelMachine, head: Head) -> None:
        super().__init__()
        self.describe = Describe()
        self.kernel = kernel
        self.head = head
        self.eval()

    def forward(self, binned: Tensor) -> tuple[Tensor, Tensor]:
        """Predict runs.

        Parameters
        ----------
        binned
            Abundance in any unit ``[run, m/z, bin]``; NaN where not measured: see
            `egams.onboard.binned`.

        Returns
        -------
        Tensor, Tensor
            Probabilities ``[run, family]``; variance of the kernel machine ``[run, 1]``, which
            grows towards 1 the less a run is like any it was trained on.
        """
        descriptors = self.describe(binned)
        logits, variance = self.kernel(descriptors)
        features = self.head.standard(torch.cat(descriptors, 1))
        return torch.sigmoid(self.head(features, logits, variance)), variance


def predict(student: Student, binned: Tensor, runs_at_once: int = 64) -> Tensor:
    """Predict many runs in torch ``[run, family]``."""
    with torch.inference_mode():
        return torch.cat([student(part)[0] for part in torch.split(binned, runs_at_once)])
