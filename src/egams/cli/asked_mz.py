"""m/z that ``--mz`` asks for and runs have not: said, never passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from egams.run import Run


def lacking_mz(run: Run, asked: Collection[int] | None) -> set[int]:
    """Return the whole m/z that were asked for and not measured.

    Parameters
    ----------
    run
        The run.
    asked
        By ``--mz``; None where it was not given.
    """
    whole = np.rint(run.mz)
    measured = (np.abs(run.mz - whole) < 0.3) & ~np.isnan(run.abundance).all(0)
    return set(asked or ()) - set(whole[measured].astype(int).tolist())


def say_lacking(lacking: Iterable[Collection[int]]) -> None:
    """Say on stderr which m/z were not measured.

    Parameters
    ----------
    lacking
        Of each run, by `lacking_mz`.
    """
    from egams.cli.show import say
    from egams.cli.show_inspect import ranges

    each = list(lacking)
    of_runs = Counter(mz for of_run in each for mz in of_run)
    for count in sorted(set(of_runs.values()), reverse=True):
        mz = sorted(one for one, runs in of_runs.items() if runs == count)
        were = "was" if len(mz) == 1 else "were"
        where = f" in {count} of {len(each)} runs" if len(each) > 1 else ""
        say(f"note: m/z {ranges(np.array(mz, float))} {were} not measured{where}", stderr=True)
