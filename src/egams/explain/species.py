"""Gases and the ions that show them: names, proxies of a saturated ion, fragments of other gases.

Factors of isotopologues follow from the abundances of isotopes (Meija et al. 2016, "Isotopic
compositions of the elements 2013", Pure Appl. Chem. 88, 293-306: 13C 1.06 %, 17O 0.038 %,
18O 0.205 %, 34S 4.25 %, 36Ar 0.334 %) and hold on any instrument. Those of fragments are of 70 eV
spectra (NIST Chemistry WebBook), and differ between instruments by a fifth and more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Proxy:
    """An ion of a gas that is weaker than its main one.

    Parameters
    ----------
    mz
        Of the ion.
    factor
        By which it is multiplied to stand for the main ion.
    why
        What the ion is.
    """

    mz: int
    factor: float
    why: str


@dataclass(frozen=True)
class Species:
    """A gas.

    Parameters
    ----------
    name
        Formula, as text.
    mz
        Main ion.
    proxies
        What stands for the main ion where it saturates or was not measured, the best first.
    less
        Ions of other gases that add to the main one: m/z, and the share of it that they add.
    """

    name: str
    mz: int
    proxies: tuple[Proxy, ...] = ()
    less: tuple[tuple[int, float], ...] = ()


SPECIES = (
    Species("H2", 2),
    Species("CH3", 15),
    Species(
        "H2O",
        18,
        (Proxy(17, 4.7, "OH fragment, 21 %"), Proxy(20, 486.0, "H2-18O, 0.206 %")),
    ),
    Species("C2H2", 26),
    Species("C2H3", 27),
    Species("CO, N2", 28, less=((44, 0.10),)),
    Species("NO", 30, less=((28, 0.0021),)),  # C-18O, of carbon monoxide and of dioxide
    Species("O2", 32, less=((64, 0.10),)),
    Species("H2S", 34, less=((32, 0.0041),)),
    Species(
        "HCl",
        36,
        (Proxy(38, 3.13, "H-37Cl, 32 %"), Proxy(35, 6.7, "Cl fragment, 15 %")),
        less=((40, 0.0034),),
    ),
    Species(
        "CO2",
        44,
        (
            Proxy(45, 86.0, "13CO2 and CO-17O, 1.16 %"),
            Proxy(46, 243.0, "CO-18O, 0.411 %"),
            Proxy(22, 67.0, "CO2 of double charge, 1.5 %"),
            Proxy(12, 14.0, "C fragment, 7 %"),
        ),
    ),
    Species("COS", 60),
    Species(
        "SO2",
        64,
        (Proxy(66, 20.5, "34SO2 and SO-18O, 4.88 %"), Proxy(48, 2.04, "SO fragment, 49 %")),
    ),
    Species("Cl2", 70),
    Species("CS2", 76),
    Species("C6H6", 78),
    Species("C7H7", 91),
)
"""Gases that analysts look for, by the m/z of the main ion."""

BY_MZ = {species.mz: species for species in SPECIES}


def name_of(mz: int) -> str:
    """Name the gas that the ion `mz` usually stands for; empty where none is usual."""
    return BY_MZ[mz].name if mz in BY_MZ else ""


MOVES_WITH = {
    2: {1: 0.05},
    15: {14: 0.17, 13: 0.09},
    18: {17: 0.22, 16: 0.02, 19: 0.005, 20: 0.003},
    28: {14: 0.07, 12: 0.05, 16: 0.02, 29: 0.012},
    30: {14: 0.08, 15: 0.03},
    32: {16: 0.11, 34: 0.005, 33: 0.002},
    34: {33: 0.42, 32: 0.44, 35: 0.03},
    36: {38: 0.33, 35: 0.16, 37: 0.06},
    44: {28: 0.11, 16: 0.10, 12: 0.09, 22: 0.02, 45: 0.013, 46: 0.005, 13: 0.001, 29: 0.001},
    60: {32: 0.6, 28: 0.08, 62: 0.05},
    64: {48: 0.5, 32: 0.12, 16: 0.06, 66: 0.06, 50: 0.03, 65: 0.01, 49: 0.01},
    70: {72: 0.66, 35: 0.3, 74: 0.12, 37: 0.1},
    76: {32: 0.22, 44: 0.17, 78: 0.1, 38: 0.06},
    78: {77: 0.25, 52: 0.2, 51: 0.2, 50: 0.2, 39: 0.15},
    91: {92: 0.6, 65: 0.12, 63: 0.1, 39: 0.12},
}
"""Other ions of each gas by its main one, and how large each may be relative to that."""
