"""Weights of ImageNet for networks of timm, from its hub or from a file."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from torch import Tensor, nn

from egams.errors import ConfigError
from egams.models.network import FROM_SCRATCH

SECONDS_TO_ANSWER = 5.0
"""A hub that has not answered by then counts as out of reach."""
IMAGE_CHANNELS = 3
NAMED = 4


class FromScratchWarning(UserWarning):
    """A network starts from random weights though those of ImageNet were wanted."""


def starting_weights(backbone: nn.Module, wanted: str) -> str:
    """Load weights of ImageNet into a network of timm, and say which.

    The first convolution is adapted to the channels of the network; the classifier is left out.

    Parameters
    ----------
    backbone
        As `timm.create_model` makes it, without a classifier.
    wanted
        See `egams.models.cnn.CnnConfig`.

    Returns
    -------
    str
        ``"scratch"``, ``"timm:NAME.TAG"`` or ``"file NAME sha256:..."``.

    Raises
    ------
    ConfigError
        If they cannot be had, or are of another network.
    """
    if wanted == "no":
        return FROM_SCRATCH
    if wanted not in {"auto", "yes"}:
        return _from_file(backbone, Path(wanted))
    described: dict[str, Any] = getattr(backbone, "pretrained_cfg", None) or {}
    name = ".".join(part for part in (described.get("architecture"), described.get("tag")) if part)
    try:
        state = _from_hub(described)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        if wanted == "yes":
            raise ConfigError(
                f"weights of ImageNet for '{name}' cannot be had here ({said}). Download them "
                f"where there is a network (https://huggingface.co/{described.get('hf_hub_id')}, "
                "model.safetensors), and give the file as 'pretrained'; 'no' starts from scratch."
            ) from error
        warnings.warn(
            f"'{name}' STARTS FROM SCRATCH: weights of ImageNet cannot be had here ({said}). "
            "Scores will be worse than with them; 'pretrained' may name a file of them.",
            FromScratchWarning,
            stacklevel=2,
        )
        return FROM_SCRATCH
    _fill(backbone, state, described, f"timm:{name}")
    return f"timm:{name}"


def _from_file(backbone: nn.Module, path: Path) -> str:
    try:
        content = path.read_bytes()
        state = _read(path)
    except Exception as error:
        raise ConfigError(
            f"{path}: cannot be read as weights ({type(error).__name__}: {error}). 'pretrained' is "
            "'auto', 'yes', 'no', or a file of timm's weights: safetensors, or a state dict of "
            "torch."
        ) from error
    _fill(backbone, state, getattr(backbone, "pretrained_cfg", None) or {}, str(path))
    return f"file {path.name} sha256:{hashlib.sha256(content).hexdigest()}"


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    state: Mapping[str, Tensor] = content.get("state_dict", content)
    return state


def _from_hub(described: Mapping[str, Any]) -> Mapping[str, Tensor]:
    from huggingface_hub import constants, hf_hub_download
    from safetensors.torch import load_file

    if not described.get("hf_hub_id"):
        raise LookupError("timm names none")
    place = (described["hf_hub_id"], "model.safetensors")
    try:
        return load_file(hf_hub_download(*place, local_files_only=True))
    except OSError:
        _expect_answer(constants.ENDPOINT)
    return load_file(hf_hub_download(*place))


def _expect_answer(address: str) -> None:
    # Without a network the hub's own client tries again for most of a minute.
    try:
        with urlopen(Request(address, method="HEAD"), timeout=SECONDS_TO_ANSWER):
            return
    except HTTPError:
        return  # an answer all the same


def _fill(
    backbone: nn.Module, state: Mapping[str, Tensor], described: Mapping[str, Any], source: str
) -> None:
    from timm.models import adapt_input_conv

    own = backbone.state_dict()
    classifiers = described.get("classifier") or ()
    classifiers = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
    taken = {
        name: value
        for name, value in state.items()
        if not any(name.startswith(f"{each}.") for each in classifiers)
    }
    convolutions = (name for name, part in backbone.named_modules() if isinstance(part, nn.Conv2d))
    first = f"{next(convolutions, '')}.weight"
    if first in taken and taken[first].shape[1] == IMAGE_CHANNELS:
        taken[first] = adapt_input_conv(own[first].shape[1], taken[first])
    wrong = [
        *(f"{name} is missing" for name in own.keys() - taken.keys()),
        *(f"{name} is not of it" for name in taken.keys() - own.keys()),
        *(
            f"{name} is {tuple(taken[name].shape)}, not {tuple(value.shape)}"
            for name, value in own.items()
            if name in taken and taken[name].shape != value.shape
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise ConfigError(
            f"{source}: weights of another network than '{described.get('architecture')}' "
            f"({', '.join(sorted(wrong)[:NAMED])}{more}). Give those of that network and width."
        )
    backbone.load_state_dict(taken)
