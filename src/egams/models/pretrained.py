"""Weights of ImageNet for networks of timm, from its hub, a package or a file."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from torch import Tensor, nn

from egams.errors import ConfigError
from egams.models.network import FROM_SCRATCH
from egams.models.packaged_weights import packaged_weights

SECONDS_TO_ANSWER = 5.0
"""A hub that has not answered by then counts as out of reach."""
IMAGE_CHANNELS = 3
LONGEST = 500
"""Characters that are quoted of what torch finds wrong with weights."""


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
        ``"scratch"``, ``"timm:NAME.TAG"``, ``"package NAME sha256:..."`` or ``"file NAME
        sha256:..."``.

    Raises
    ------
    ConfigError
        If they cannot be had, or are of another network.
    """
    if wanted == "no":
        return FROM_SCRATCH
    if wanted not in {"auto", "yes"}:
        return _from_file(backbone, Path(wanted))
    described = _described(backbone)
    packaged = packaged_weights(described.get("architecture", ""))
    if packaged is not None:
        state, source = packaged
        _fill(backbone, state, source)
        return source
    name = ".".join(part for part in (described.get("architecture"), described.get("tag")) if part)
    try:
        state = _from_hub(described)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if wanted == "yes":
            raise ConfigError(
                f"weights of ImageNet for '{name}' cannot be had here ({reason}). Download them "
                f"where there is a network (https://huggingface.co/{described.get('hf_hub_id')}, "
                "model.safetensors), and give the file as 'pretrained'; 'no' starts from scratch."
            ) from error
        warnings.warn(
            f"'{name}' STARTS FROM SCRATCH: weights of ImageNet cannot be had here ({reason}). "
            "Scores will be worse than with them; 'pretrained' may name a file of them.",
            FromScratchWarning,
            stacklevel=2,
        )
        return FROM_SCRATCH
    _fill(backbone, state, f"timm:{name}")
    return f"timm:{name}"


def _from_file(backbone: nn.Module, path: Path) -> str:
    from timm.models import load_state_dict

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        state = load_state_dict(str(path), weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"{path}: cannot be read as weights ({type(error).__name__}: {error}). 'pretrained' is "
            "'auto', 'yes', 'no', or a file of timm's weights: safetensors, or a state dict of "
            "torch."
        ) from error
    _fill(backbone, state, str(path))
    return f"file {path.name} sha256:{digest}"


def _from_hub(described: Mapping[str, Any]) -> dict[str, Tensor]:
    from huggingface_hub import constants, try_to_load_from_cache
    from timm.models import load_state_dict, load_state_dict_from_hf

    if not described.get("hf_hub_id"):
        raise LookupError("timm names none")
    place = (described["hf_hub_id"], "model.safetensors")
    cached = try_to_load_from_cache(*place)
    if isinstance(cached, str):
        return dict(load_state_dict(cached))
    # Without a network the hub's own client tries again for most of a minute. An error it answers
    # with is an answer all the same.
    request = Request(constants.ENDPOINT, method="HEAD")
    with suppress(HTTPError), urlopen(request, timeout=SECONDS_TO_ANSWER):
        pass
    return dict(load_state_dict_from_hf(*place))


def _fill(backbone: nn.Module, state: dict[str, Tensor], source: str) -> None:
    from timm.models import adapt_input_conv

    described = _described(backbone)
    classifiers = tuple(f"{each}." for each in np.atleast_1d(described.get("classifier") or ()))
    taken = {name: value for name, value in state.items() if not name.startswith(classifiers)}
    # Not `timm.models.load_pretrained`: where it leaves a classifier out, it lets weights be
    # missing, and it looks for the first convolution by the name it has in the usual stem.
    first, convolution = next(
        (f"{name}.weight", part)
        for name, part in backbone.named_modules()
        if isinstance(part, nn.Conv2d)
    )
    if first in taken and taken[first].shape[1] == IMAGE_CHANNELS:
        taken[first] = adapt_input_conv(convolution.in_channels, taken[first])
    try:
        backbone.load_state_dict(taken)
    except RuntimeError as error:
        raise ConfigError(
            f"{source}: weights of another network than '{described.get('architecture')}' "
            f"({shorten(str(error), LONGEST)}). Give those of that network and width."
        ) from error


def _described(backbone: nn.Module) -> dict[str, Any]:
    return dict(getattr(backbone, "pretrained_cfg", None) or {})
