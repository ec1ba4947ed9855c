"""Where tensors are, by the name a user gives."""

from __future__ import annotations

import torch

from egams.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda")


def device_named(name: str) -> torch.device:
    """Return a device; ``"auto"`` is a GPU where this process sees one.

    Raises
    ------
    ConfigError
        If there is no such device.
    """
    if name not in DEVICES:
        raise ConfigError(f"no device '{name}'; expected one of {', '.join(DEVICES)}.")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError(
            "device 'cuda': torch sees no GPU here. Take 'auto' or 'cpu', or install a torch that "
            "is built for the GPU's driver."
        )
    return torch.device("cuda" if there and name != "cpu" else "cpu")
