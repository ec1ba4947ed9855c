"""Names of the arrays that functions take and return, and what NumPy's and torch's share.

What answers computes in NumPy, and what learns in torch: where one function serves both, it takes
an `Array` and finds the functions of its library by `namespace`.
"""

from typing import Any, TypeAlias

import array_api_compat
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

Array: TypeAlias = Any
"""An array of NumPy, or a tensor of torch."""


def namespace(*arrays: Array) -> Any:
    """Return the functions of the array API for the library of `arrays`."""
    return array_api_compat.array_namespace(*arrays)


def to_numpy(array: Array) -> NDArray[Any]:
    """Return an array of NumPy; a tensor of torch is copied only from another device."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.numpy(force=True))


def alike(array: NDArray[Any], other: Array) -> Array:
    """Return an array in the library, and on the device, of `other`."""
    if isinstance(other, np.ndarray):
        return array
    import torch

    return torch.from_numpy(array).to(other.device)
