"""The student: what it answers at each stage, in torch; the ONNX files compute the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from egams.arrays import FloatArray, IntArray
from egams.families import FAMILIES
from egams.models.process import LOGIT_SCALE
from egams.onboard.kernel import KernelMachine, to_grid
from egams.onboard.stages import Stage
from egams.spectrogram.coarse import CoarseRuns
from egams.spectrogram.descriptors import descriptors

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

    def forward(self, features: Tensor, logits: Tensor, unlike: Tensor) -> Tensor:
        """Logits ``[run, family]``; `features` as `standard` gives them."""
        evidence = torch.cat([logits / LOGIT_SCALE, unlike], 1)
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
        made.inward.copy_(to_grid(torch.cat([head.inward for head in heads], 1)))
        made.beside.copy_(torch.cat([head.beside for head in heads], 1))
        made.threshold.copy_(torch.cat([head.threshold for head in heads]))
        outward = torch.cat([head.outward for head in heads]) / len(heads)
        made.outward.copy_(to_grid(outward))
        made.direct.copy_(torch.stack([head.direct for head in heads]).mean(0))
        made.shift.copy_(torch.stack([head.shift for head in heads]).mean(0))
        return made.eval()


def _uniform(inputs: int, outputs: int) -> Tensor:
    largest = inputs**-0.5
    return torch.empty(inputs, outputs).uniform_(-largest, largest)


class StageStudent(nn.Module):
    """The student at one stage: a kernel machine and what a teacher corrects in it.

    Parameters
    ----------
    stage
        What the answer is from.
    kernel
        Fitted on training runs.
    head
        Trained on the teacher's probabilities.
    """

    def __init__(self, stage: Stage, kernel: KernelMachine, head: Head) -> None:
        super().__init__()
        self.stage = stage
        self.kernel = kernel
        self.head = head
        self.eval()

    def forward(self, described: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict described runs.

        Parameters
        ----------
        described
            As `egams.spectrogram.descriptors.descriptors` describes them under the stage's mask
            ``[run, feature]`` each.

        Returns
        -------
        Tensor, Tensor
            Probabilities ``[run, family]``; likeness of the nearest training run ``[run, 1]``.
        """
        logits, likeness = self.kernel(described)
        features = self.head.standard(torch.cat(list(described), 1))
        return torch.sigmoid(self.head(features, logits, 1 - likeness)), likeness


def answers_at(student: StageStudent, runs: CoarseRuns) -> tuple[FloatArray, FloatArray]:
    """Probabilities ``[run, family]`` and likeness ``[run, 1]`` at one stage, judged or not."""
    described = [torch.from_numpy(each) for each in descriptors(runs, student.stage.mask)]
    with torch.inference_mode():
        probability, likeness = student(described)
    return probability.double().numpy(), likeness.double().numpy()


def answers(
    students: Sequence[StageStudent], runs: CoarseRuns
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Answer runs, each at the first stage that judges it: what the ONNX files compute.

    Parameters
    ----------
    students
        In the order in which they are tried.
    runs
        Of finite abundances.

    Returns
    -------
    NDArray, NDArray, NDArray
        Probabilities ``[run, family]``, NaN where refused; number of the stage, from 1, 0 where
        refused ``[run]``; likeness of the nearest training run ``[run]``.
    """
    probability = np.full((len(runs), len(FAMILIES)), np.nan)
    answered, likeness = np.zeros(len(runs), np.intp), np.zeros(len(runs))
    signal = np.nan_to_num(runs.abundance)
    for number, student in enumerate(students, 1):
        some = student.stage.judges(runs) & (answered == 0)
        some &= student.stage.mask.applied(CoarseRuns(signal)).max((1, 2)) > 0
        if some.any():
            probability[some], alike = answers_at(student, runs[np.flatnonzero(some)])
            likeness[some], answered[some] = alike[:, 0], number
    return probability, answered, likeness
