"""What a file of neighbours holds, and that it fits together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.conventions import MZ_COUNT
from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.spectrogram.coarse import COARSE_BINS
from egams.spectrogram.descriptors import DESCRIPTORS, FEATURES

State = Mapping[str, NDArray[Any]]
"""Arrays by name: see `egams.models.neighbours.Neighbours`."""

LARGEST_LOGARITHM = 30.0
"""Of the free numbers of a kernel: no fit comes near it, and e^30 does not overflow."""


def is_projected(state: State, descriptor: str) -> bool:
    """Whether a descriptor is kept as principal components."""
    return f"directions_{descriptor}" in state


def refuse_misfits(state: State) -> None:
    """See that names, shapes and numbers are what the class describes.

    Raises
    ------
    ArtifactError
        At the first that is not.
    """
    expected = _expected_shapes(state)
    if set(state) != set(expected):
        raise ArtifactError(f"holds {sorted(state)}; expected {sorted(expected)}")
    for name, shape in expected.items():
        found = state[name]
        if found.shape != shape or found.dtype.kind not in "fiu":
            raise ArtifactError(
                f"'{name}' is {found.dtype} {found.shape}; expected numbers {shape}"
            )
        if not np.isfinite(found).all():
            raise ArtifactError(f"'{name}' holds numbers that are not finite")
        if name.startswith("kernel_") and (np.abs(found) > LARGEST_LOGARITHM).any():
            raise ArtifactError(f"'{name}' holds more than {LARGEST_LOGARITHM}, up or down")
    if not len(state[f"descriptor_{DESCRIPTORS[0]}"]) or not (state["scale"] > 0).all():
        raise ArtifactError("holds no training run, or a scale that is not above 0")
    if "nearest" in state and not 1 <= state["nearest"] <= len(state["targets"]):
        raise ArtifactError(
            f"'nearest' is {state['nearest']}; expected 1 to {len(state['targets'])}"
        )


def _expected_shapes(state: State) -> dict[str, tuple[int, ...]]:
    first = state.get(f"descriptor_{DESCRIPTORS[0]}", np.empty(0))
    runs, families = len(first) if first.ndim else 0, len(FAMILIES)
    expected: dict[str, tuple[int, ...]] = {
        "scale": (len(DESCRIPTORS),),
        "prior": (families,),
        "kernel_weight": (len(DESCRIPTORS),),
        "kernel_noise": (),
    }
    expected |= {f"kernel_{name}": (families,) for name in ("slope", "doubt", "shift")}
    for name, features in zip(DESCRIPTORS, FEATURES, strict=True):
        kept: tuple[int, ...] = (features,)
        if is_projected(state, name):
            kept = state[f"directions_{name}"].shape[-1:]
            expected |= {f"centre_{name}": (features,), f"directions_{name}": (features, *kept)}
        expected[f"descriptor_{name}"] = (runs, *kept)
    if "nearest" in state:
        expected |= {"nearest": (), "targets": (runs, families)}
    else:
        expected |= {"inverse": (runs, runs), "coefficients": (runs, families)}
    if "coefficients" in state:
        expected["coefficients"] = (runs, families)
    if "lowest" in state:
        expected |= {"labels": (runs, families), "lowest": (runs, MZ_COUNT)}
        expected |= {"excess": (runs, MZ_COUNT, COARSE_BINS)}
    return expected
