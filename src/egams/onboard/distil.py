"""Training of the student: a kernel machine on labels, then a head on what teachers say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egams.onboard.describe import Describe
from egams.onboard.kernel import fit_kernel_machine
from egams.onboard.student import Head, Student

HEADS = 3
HIDDEN = 16
DROPOUT = 0.6
EPOCHS = 10
BATCH = 32
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
TRUST = 0.9
"""Share of the teachers in the target; the rest are labels."""
SMALLEST_SPREAD = 0.05
RUNS_AT_ONCE = 64


def distil(binned: Tensor, labels: Tensor, taught: Tensor, seed: int) -> Student:
    """Train a student.

    The head sees what the kernel machine says of each training run from the others alone, as it
    will see it of runs that are new.

    Parameters
    ----------
    binned
        Training runs ``[run, m/z, bin]``: see `egams.onboard.binned`.
    labels
        ``[run, family]``.
    taught
        Probabilities that teachers give ``[run, family]``: see `egams.onboard.study_student.teach`.
    seed
        Of the head's first weights, of the order of runs, and of dropout.

    Source: Hinton, Vinyals & Dean 2015 (soft targets beside labels).
    """
    with torch.no_grad():
        parts = [Describe()(part) for part in torch.split(binned, RUNS_AT_ONCE)]
    descriptors = [torch.cat(of_all) for of_all in zip(*parts, strict=True)]
    kernel, logits, variance = fit_kernel_machine(descriptors, labels)
    features = torch.cat(descriptors, 1)
    centre, spread = features.mean(0), features.std(0) + SMALLEST_SPREAD
    target = TRUST * taught + (1 - TRUST) * labels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = [Head(centre, spread, HIDDEN, DROPOUT) for _ in range(HEADS)]
        standard = heads[0].standard(features)
        for head in heads:
            _train(head, standard, logits, variance, target)
    return Student(kernel, Head.mean_of(heads))


def _train(head: Head, features: Tensor, logits: Tensor, variance: Tensor, target: Tensor) -> None:
    batches = max(len(features) // BATCH, 1)
    optimiser = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * batches
    )
    for _ in range(EPOCHS):
        shuffled = torch.randperm(len(features))
        for batch in shuffled[: batches * BATCH].tensor_split(batches):
            given = head(features[batch], logits[batch], variance[batch])
            loss = functional.binary_cross_entropy_with_logits(given, target[batch])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
