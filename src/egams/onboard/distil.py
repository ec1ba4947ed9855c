"""Training of a stage of the student: a kernel machine on labels, then a head on a teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egams.onboard.kernel import fit_kernel_machine
from egams.onboard.stages import Stage
from egams.onboard.student import Head, StageStudent
from egams.spectrogram.coarse import CoarseRuns
from egams.spectrogram.descriptors import descriptors

HEADS = 3
DROPOUT = 0.6
EPOCHS = 10
BATCH = 32
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
TRUST = 0.9
"""Share of the teachers in the target; the rest are labels."""
SMALLEST_SPREAD = 0.05


def distil(
    stage: Stage, runs: CoarseRuns, labels: Tensor, taught: Tensor, seed: int
) -> StageStudent:
    """Train a student for one stage.

    The head sees what the kernel machine says of each training run from the others alone, as it
    will see it of runs that are new.

    Parameters
    ----------
    stage
        What the answer is from.
    runs
        Training runs.
    labels
        ``[run, family]``.
    taught
        Probabilities that teachers give the whole runs ``[run, family]``: see
        `egams.onboard.study_student.teach`.
    seed
        Of the head's first weights, of the order of runs, and of dropout.

    Source: Hinton, Vinyals & Dean 2015 (soft targets beside labels).
    """
    described = [torch.from_numpy(each) for each in descriptors(runs, stage.mask)]
    kernel, logits, likeness = fit_kernel_machine(described, labels, stage.ranks)
    features = torch.cat(described, 1)
    centre, spread = features.mean(0), features.std(0) + SMALLEST_SPREAD
    target = TRUST * taught + (1 - TRUST) * labels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = [Head(centre, spread, stage.hidden, DROPOUT) for _ in range(HEADS)]
        standard = heads[0].standard(features)
        for head in heads:
            _train(head, standard, logits, 1 - likeness, target)
    return StageStudent(stage, kernel, Head.mean_of(heads))


def _train(head: Head, features: Tensor, logits: Tensor, unlike: Tensor, target: Tensor) -> None:
    batches = max(len(features) // BATCH, 1)
    optimiser = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * batches
    )
    for _ in range(EPOCHS):
        shuffled = torch.randperm(len(features))
        for batch in shuffled[: batches * BATCH].tensor_split(batches):
            given = head(features[batch], logits[batch], unlike[batch])
            loss = functional.binary_cross_entropy_with_logits(given, target[batch])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
