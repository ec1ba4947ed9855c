"""Tensors in safetensors, and the neighbours that several trained models may share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from egams.models.neighbours import Neighbours

NEIGHBOURS = "neighbours.safetensors"

Shared = dict[Path, Neighbours]
"""Neighbours that were loaded already, by file."""


def save_tensors(
    state: Mapping[str, Tensor], file: Path, said: dict[str, str] | None = None
) -> None:
    """Write tensors, with a few words about them."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in state.items()}, file, said)


def save_neighbours(neighbours: Neighbours | None, folder: Path) -> None:
    """Write neighbours, if a model has any."""
    if neighbours is not None:
        save_tensors(neighbours.state_dict(), folder / NEIGHBOURS)


def load_neighbours(files: Mapping[str, Path], shared: Shared) -> Neighbours | None:
    """Read neighbours, if they are among the files of a model."""
    from safetensors.torch import load_file

    if NEIGHBOURS not in files:
        return None
    path = files[NEIGHBOURS]
    if path not in shared:
        shared[path] = Neighbours.from_state(load_file(path))
    return shared[path]


def move(module: nn.Module | None, device: torch.device | str) -> None:
    """Move to a device what may not be there."""
    if module is not None:
        module.to(device)
