"""Test-time draws of which each run has its own, whatever else is predicted beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.draw import Draws, Windows, draw
from egams.spectrogram.resident import ResidentRuns


def draw_each(
    runs: ResidentRuns,
    table: Windows,
    positions: Tensor,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
) -> Draws:
    """Draw every run `draws` times, from a generator that depends on `seed` and the run alone.

    A run is known by its context, not by its name or place: renamed, reordered or alone, it gets
    the same draws. Nothing is mixed.

    Parameters
    ----------
    positions
        Which of `runs` ``[run]``.
    draws
        Draws of each.
    seed
        Whole numbers, none negative.

    Returns
    -------
    Draws
        Of ``run * draws`` spectrograms, the draws of a run one after the other.
    """
    config = config.for_prediction()
    generator = torch.Generator(runs.device)
    contexts = runs.context[positions].cpu().numpy()
    each = [
        draw(
            runs,
            table,
            position.expand(draws),
            config,
            generator.manual_seed(_seed_of(context.tobytes(), seed)),
        )
        for position, context in zip(positions, contexts, strict=True)
    ]
    tensors = [entry.name for entry in fields(Draws) if entry.name != "partner"]
    joined = {name: torch.cat([getattr(one, name) for one in each]) for name in tensors}
    return Draws(**joined, partner=None)


def _seed_of(run: bytes, seed: Sequence[int]) -> int:
    digest = hashlib.blake2b(np.array(seed, dtype="<i8").tobytes() + run, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
