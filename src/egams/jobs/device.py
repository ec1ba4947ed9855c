"""Where tensors are, by the name a user gives, and which GPUs there are for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from egams.errors import ConfigError
from egams.extras import load

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""What CUDA reads, when a process first looks for a GPU, to know which it may see."""


def device_named(name: str) -> torch.device:
    """Return a device; ``"auto"`` is a GPU where this process sees one.

    Parameters
    ----------
    name
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ConfigError
        If there is no such device, or torch is not installed.
    """
    if name not in DEVICES:
        raise ConfigError(f"no device '{name}'; expected one of {', '.join(DEVICES)}.")
    load("torch")
    import torch

    there = name != "cpu" and torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError(
            "device 'cuda': torch sees no GPU here. Take 'auto' or 'cpu', or install a torch that "
            "is built for the GPU's driver."
        )
    return torch.device("cuda" if there else "cpu")


def gpus_for(name: str) -> tuple[str, ...]:
    """Return the GPUs of a device, each as ``CUDA_VISIBLE_DEVICES`` names it; none for a CPU.

    Parameters
    ----------
    name
        As `device_named` takes it.

    Raises
    ------
    ConfigError
        If there is no such device.
    """
    if name == "cpu" or device_named(name).type == "cpu":
        return ()
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get(VISIBLE_GPUS, "")
    listed = named.split(",") if named else map(str, range(count))
    return tuple(entry.strip() for entry in listed)[:count]
