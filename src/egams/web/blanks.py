"""The blank of a run: another run of the library."""

from __future__ import annotations

from egams.errors import InputError
from egams.run import Run
from egams.web.workbench import Workbench


def blank_of(bench: Workbench, id: int, blank: int) -> Run:
    """Return the run that is subtracted from another.

    Parameters
    ----------
    bench
        The workbench.
    id, blank
        Of the run and its blank.

    Raises
    ------
    InputError
        If they are the same run, or there is no such blank.
    """
    if id == blank:
        raise InputError("a run cannot be its own blank", expected="a run of the empty cup")
    return bench.library.load(blank)
