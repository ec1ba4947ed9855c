"""`weights.safetensors`: the arrays of a trained network, read without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from egams.families import FAMILIES
from egams.models.network import Sizes

WEIGHTS = "weights.safetensors"
LABEL_SETS = "label_sets"
SIZES = "sizes"
FLOAT32 = "F32"

Weights = Mapping[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int, ...]]


def sizes_of(content: Any) -> Sizes:
    """Sizes that an open file of weights is for."""
    return _sizes().validate_json((content.metadata() or {})[SIZES], strict=True)


@cache
def _sizes() -> TypeAdapter[Sizes]:
    return TypeAdapter(Sizes)


def read_weights(path: Path, expected: Callable[[Sizes], Shapes]) -> tuple[Sizes, Weights]:
    """Read the sizes and the arrays of a network, label sets among them where it learned any.

    Parameters
    ----------
    expected
        Shapes of the arrays of a network of some sizes, by name, but for the label sets.

    Raises
    ------
    ValueError
        If an array is missing, superfluous, not finite, or of another shape or type. Nothing is
        read of arrays that are not as expected.
    """
    from safetensors import safe_open

    with safe_open(path, "np") as content:
        sizes = sizes_of(content)
        shapes = expected(sizes)
        if sizes.outputs > len(FAMILIES):
            shapes[LABEL_SETS] = (sizes.outputs - len(FAMILIES), len(FAMILIES))
        others = shapes.keys() ^ set(content.keys())
        if others:
            raise ValueError(f"'{min(others)}' is missing, or too many")
        for name, shape in shapes.items():
            found = content.get_slice(name)
            if tuple(found.get_shape()) != shape or found.get_dtype() != FLOAT32:
                raise ValueError(
                    f"'{name}' is {found.get_dtype()} {found.get_shape()}; expected "
                    f"{FLOAT32} {list(shape)}"
                )
        arrays = {name: content.get_tensor(name) for name in shapes}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"'{name}' holds numbers that are not finite")
    return sizes, arrays
