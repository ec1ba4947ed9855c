"""Which code fits baselines and walks trees: compiled for this processor's instructions, or NumPy.

All give the same bits. The compiled ones (`compiled/`) are there if a compiler was when egams was
installed.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

from egams.errors import ConfigError

KERNEL = "EGAMS_KERNEL"
"""Environment variable that names the kernel to use; the fastest where it is not set."""
NUMPY = "numpy"


@cache
def compiled() -> Any | None:
    """Return the compiled module, None where it was not built."""
    try:
        return import_module("egams._compiled")
    except ImportError:
        return None


def kernels() -> tuple[str, ...]:
    """Return the kernels that run here, fastest first: instruction sets, then ``numpy``."""
    module = compiled()
    return (*(module.instruction_sets() if module else ()), NUMPY)


def kernel() -> str:
    """Return the kernel that computes.

    Raises
    ------
    ConfigError
        If `KERNEL` names one that does not run here.
    """
    there = kernels()
    wanted = os.environ.get(KERNEL) or there[0]
    if wanted not in there:
        raise ConfigError(
            f"{KERNEL} is '{wanted}', which does not run here; choose one of {', '.join(there)}."
        )
    return wanted
