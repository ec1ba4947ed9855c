"""Families of which a run cannot show a sign: it ended before their gases come, or lacks the ions.

A model still gives such a family a probability, by what usually goes with it. But that none of its
gas was seen is then no evidence that the family is absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.ensemble.gases import GAS
from egams.families import FAMILIES
from egams.spectrogram.context import Context


@dataclass(frozen=True)
class Release:
    """Gases that show a family, and where it releases them, degC."""

    gases: tuple[str, ...]
    from_degC: float
    to_degC: float


RELEASES = {
    "carbonate": Release(("CO2",), 450, 1000),
    "chloride": Release(("HCl",), 450, 1000),
    "iron_oxide": Release(("H2O",), 225, 290),
    "oxalate": Release(("CO", "CO2"), 300, 700),
    "oxychlorine": Release(("O2", "HCl"), 200, 600),
    "phyllosilicate": Release(("H2O",), 200, 900),
    "sulfate": Release(("SO2",), 500, 1000),
    "sulfide": Release(("SO2", "H2S"), 300, 700),
}
"""Of the usual minerals of each family. Basalt and silicate have no gas of their own: none is seen
of them in any run.

Source: ranges in the literature on SAM and on laboratory analogues, for runs at about 35 degC/min;
pressure, flow and grain size move them by 20 to 200 degC.
"""


def unseen(context: Context) -> NDArray[np.str_]:
    """Say why a family cannot show itself, "" where it can ``[run, family]``.

    Parameters
    ----------
    context
        Of runs.
    """
    reasons = np.full((len(context.measured), len(FAMILIES)), "", dtype="<U120")
    for family, release in RELEASES.items():
        column = reasons[:, FAMILIES.index(family)]
        ions = [ion for gas in release.gases for ion in GAS[gas].ions]
        for run in np.flatnonzero(context.start_degC > release.to_degC):
            column[run] = f"heated from {context.start_degC[run]:.0f} degC: released below that"
        for run in np.flatnonzero(context.end_degC < release.from_degC):
            column[run] = f"heated to {context.end_degC[run]:.0f} degC: released above that"
        for run in np.flatnonzero(~context.measured[:, ions].any(1)):
            gases = " and ".join(release.gases)
            column[run] = f"no m/z of {gases} measured ({', '.join(map(str, ions))})"
    return reasons


def unseen_flags(reasons: NDArray[np.str_]) -> tuple[str, ...]:
    """Say each reason once, with its families.

    Parameters
    ----------
    reasons
        Of one run, by `unseen` ``[family]``.
    """
    families: dict[str, list[str]] = {}
    for family, reason in zip(FAMILIES, reasons.tolist(), strict=True):
        if reason:
            families.setdefault(reason, []).append(family.replace("_", " "))
    return tuple(
        f"{', '.join(names)}: cannot be excluded, {reason}" for reason, names in families.items()
    )
