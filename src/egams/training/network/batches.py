"""The spectrograms of an epoch, batch by batch, made where the runs are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from egams.arrays import IntArray
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Windows, draw
from egams.spectrogram.render import mixed_labels, render
from egams.spectrogram.resident import ResidentRuns

RUNS_DRAWN_ON_GPU = 4096
"""At most so many at once: 400 MB of spectrograms with all normalisations."""


class Batch(NamedTuple):
    """Spectrograms ``[B, row, temperature]``, contexts ``[B, feature]``, labels ``[B, family]``."""

    spectrogram: Tensor
    context: Tensor
    labels: Tensor


def drawn_at_once(device: torch.device, size: int) -> int:
    """Say how many runs to draw together, for batches of `size`.

    A processor draws one batch, which fits its cache. A GPU draws an epoch: the same few kernels
    for many batches, and no step waits for a number to come back.
    """
    return size * max(1, RUNS_DRAWN_ON_GPU // size) if device.type == "cuda" else size


def in_whole_batches(order: IntArray, size: int) -> IntArray:
    """Begin `order` again until its last batch is whole; a single batch stays as it is.

    For a GPU, where every shape of batch is tuned by itself.
    """
    return np.resize(order, size * math.ceil(len(order) / size)) if len(order) > size else order


def batches(
    runs: ResidentRuns,
    table: Windows,
    order: IntArray,
    config: SpectrogramConfig,
    generator: np.random.Generator,
    size: int,
) -> Iterator[Batch]:
    """Draw runs afresh, each once, and mix in others of them where `config` says so.

    Parameters
    ----------
    order
        Which of `runs`, in the order they are learned from ``[run]``.
    size
        Runs in a batch; the last has what is left.
    """
    at_once = drawn_at_once(runs.device, size)
    for part in (order[first : first + at_once] for first in range(0, len(order), at_once)):
        draws = draw(table, part, config, generator, partners=order)
        drawn = Batch(render(runs, draws, config), runs.context[part], mixed_labels(runs, draws))
        for start in range(0, len(part), size):
            yield Batch(*(each[start : start + size] for each in drawn))
