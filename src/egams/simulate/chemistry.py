"""What gases each family gives off, at which temperature, and how a gas breaks into ions.

The numbers are of two kinds. *Measured*: read off runs of the Mars Spectrometry challenge or known
from them to go with a family. *General knowledge*: textbook values that make
plausible test data; nothing in egams but the simulator may rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Source = Literal["measured", "general knowledge"]

_ISOTOPE_18O = 0.2  # per cent of the lighter ion


@dataclass(frozen=True)
class Gas:
    """A gas and its ions.

    Parameters
    ----------
    name
        Chemical formula.
    fragments
        Intensity of each integer m/z, per cent of the strongest ion.
    residence
        Seconds the gas lingers on the way to the spectrometer (low, high): the tail of its peaks.
    """

    name: str
    fragments: Mapping[int, float]
    residence: tuple[float, float] = (4.0, 15.0)


# Main fragments: general knowledge (70 eV). Lines beside helium and water: measured, they are
# tails of the helium peak and H3O+.
_GASES = (
    Gas("He", {4: 100, 0: 0.15, 1: 0.22, 2: 0.05, 3: 0.14, 5: 0.003}),
    Gas("H2", {2: 100, 1: 3}),
    # Water sticks to the walls of the line, so its peaks drag.
    Gas("H2O", {18: 100, 17: 22, 16: 1, 19: 0.3, 20: _ISOTOPE_18O}, (20, 70)),
    Gas("N2", {28: 100, 14: 7, 29: 0.7}),
    Gas("O2", {32: 100, 16: 11, 34: 0.4, 33: 0.1}),
    Gas("Ar", {40: 100, 20: 14, 36: 0.3}),
    Gas("CO2", {44: 100, 28: 10, 16: 9, 12: 7, 45: 1.2, 22: 1.5, 46: 0.4}),
    Gas("CO", {28: 100, 12: 5, 16: 2, 29: 1.1}),
    Gas("NO", {30: 100, 14: 8, 15: 2}),
    Gas("SO2", {64: 100, 48: 49, 32: 10, 66: 5, 50: 2.5, 65: 0.9}),
    Gas("H2S", {34: 100, 32: 44, 33: 42, 36: 4}),
    Gas("S2", {64: 100, 32: 20, 66: 9}),
    Gas("CS2", {76: 100, 44: 17, 32: 22, 78: 9, 38: 6}),
    Gas("COS", {60: 100, 32: 60, 28: 8, 62: 5}),
    Gas("HCl", {36: 100, 38: 32, 35: 15, 37: 5}, (15, 50)),
    Gas("Cl2", {70: 100, 72: 65, 74: 11, 35: 30, 37: 10}, (15, 50)),
    Gas("hydrocarbons", {27: 40, 26: 10, 29: 35, 39: 15, 41: 60, 43: 100, 55: 40, 57: 50, 15: 30}),
    # Derivatising agent that leaks from the cups of SAM. Measured: m/z 75 and 147.
    Gas("MTBSTFA", {75: 100, 147: 60, 73: 40, 149: 8, 77: 5}, (30, 90)),
)
GASES = {gas.name: gas for gas in _GASES}
"""Every gas by its formula."""


@dataclass(frozen=True)
class Release:
    """One evolution of a gas while the sample is heated.

    Parameters
    ----------
    gas
        Name in `GASES`.
    peak
        Range the peak temperature is drawn from at 35 degC/min, degC, before run-to-run shifts.
    amount
        Range of the integrated current of the gas's strongest ion, A s, drawn log-uniformly.
    energy
        Mean activation energy, kJ/mol.
    spread
        Standard deviation of the activation energies, as a fraction of the mean.
    only_with
        The release takes place only beside one of these families; empty: always.
    lowered_by
        Families that bring the peak 40-150 degC down.
    source
        Where peak temperature and gas come from.
    """

    gas: str
    peak: tuple[float, float]
    amount: tuple[float, float]
    energy: float = 200.0
    spread: float = 0.04
    only_with: tuple[str, ...] = ()
    lowered_by: tuple[str, ...] = ()
    source: Source = "measured"


@dataclass(frozen=True)
class Mineral:
    """A mineral as which its family appears in a simulated sample.

    `weight` is the relative rate at which the family is drawn as this mineral.
    """

    name: str
    releases: tuple[Release, ...]
    weight: float = 1.0


_WATERY = ("phyllosilicate", "iron_oxide", "sulfate")
_IRON = ("iron_oxide",)
_GUESS: Source = "general knowledge"

# fmt: off
FAMILY_MINERALS: Mapping[str, tuple[Mineral, ...]] = {
    # Little gas of its own: a rise of CO2 and late structural water are context, not proof.
    "basalt": (
        Mineral("basalt", (
            Release("CO2", (280, 420), (5e-9, 5e-8), spread=0.08),
            Release("H2O", (600, 850), (3e-8, 4e-7), spread=0.08, source=_GUESS),
            Release("SO2", (880, 1050), (3e-10, 6e-9), 300, source=_GUESS),
        )),
    ),
    "carbonate": (
        Mineral("siderite", (
            Release("CO2", (440, 500), (4e-8, 4e-6), 180),
            Release("CO", (450, 510), (5e-9, 4e-7), 180, source=_GUESS),
        )),
        Mineral("magnesite", (Release("CO2", (450, 600), (4e-8, 4e-6), source=_GUESS),)),
        Mineral("dolomite", (
            Release("CO2", (600, 700), (2e-8, 2e-6), 220, source=_GUESS),
            Release("CO2", (700, 800), (2e-8, 2e-6), 220, source=_GUESS),
        )),
        Mineral("calcite", (Release("CO2", (685, 800), (4e-8, 5e-6), 210),), weight=2),
        # Fine grains decompose 100 degC or more below the massive mineral.
        Mineral("fine calcite", (Release("CO2", (560, 690), (3e-8, 3e-6), 190),)),
    ),
    "chloride": (
        # Halite holds its chlorine unless water passes over it above 600 degC.
        Mineral("halite", (
            Release("HCl", (820, 980), (1e-9, 1e-8), 190, 0.06),
            Release("HCl", (620, 760), (5e-9, 1e-7), 190, 0.06, only_with=_WATERY),
            Release("H2O", (110, 170), (5e-8, 5e-7), 80, source=_GUESS),
        )),
        Mineral("magnesium chloride", (
            Release("HCl", (450, 550), (3e-8, 2e-6), 170),
            Release("H2O", (130, 230), (3e-7, 3e-5), 90, source=_GUESS),
        )),
    ),
    "iron_oxide": (
        Mineral("goethite", (Release("H2O", (225, 290), (5e-7, 1e-5), 130),), weight=3),
        Mineral("ferrihydrite", (
            Release("H2O", (100, 160), (5e-7, 6e-6), 90, 0.05, source=_GUESS),
            Release("H2O", (230, 330), (1e-7, 2e-6), 130, 0.05, source=_GUESS),
        )),
        Mineral("hematite", (Release("H2O", (90, 150), (2e-8, 2e-7), 80, source=_GUESS),)),
    ),
    "oxalate": (
        Mineral("calcium oxalate", (
            Release("H2O", (150, 175), (2e-6, 3e-5), 100),
            Release("CO", (465, 495), (1e-6, 2e-5), 220),
            Release("CO2", (465, 500), (5e-7, 8e-6), 220),
            Release("CO2", (670, 700), (1e-6, 2e-5), 210),
        ), weight=2),
        Mineral("iron oxalate", (
            Release("H2O", (160, 210), (2e-6, 3e-5), 100, source=_GUESS),
            Release("CO", (300, 400), (5e-7, 1e-5), 170, source=_GUESS),
            Release("CO2", (300, 400), (1e-6, 2e-5), 170, source=_GUESS),
        )),
        Mineral("magnesium oxalate", (
            Release("H2O", (150, 210), (2e-6, 3e-5), 100, source=_GUESS),
            Release("CO", (400, 480), (1e-6, 2e-5), 200, source=_GUESS),
            Release("CO2", (400, 480), (1e-6, 2e-5), 200, source=_GUESS),
        )),
    ),
    "oxychlorine": (
        Mineral("calcium perchlorate", (
            Release("O2", (400, 500), (1e-6, 3e-5), 210, lowered_by=_IRON),
            Release("H2O", (110, 220), (1e-7, 6e-6), 90),
            Release("HCl", (480, 620), (3e-9, 1e-7), only_with=_IRON),
            Release("Cl2", (420, 520), (5e-10, 1e-8), source=_GUESS),
            Release("NO", (420, 520), (1e-10, 1e-8)),
        ), weight=2),
        Mineral("magnesium perchlorate", (
            Release("O2", (380, 500), (1e-6, 2e-5), lowered_by=_IRON),
            Release("HCl", (430, 560), (2e-8, 6e-7)),
            Release("H2O", (120, 260), (3e-7, 1e-5), 90),
        ), weight=2),
        Mineral("potassium perchlorate", (
            Release("O2", (540, 620), (2e-6, 4e-5), 250, lowered_by=_IRON),
        )),
        Mineral("chlorate", (
            Release("O2", (250, 420), (5e-7, 2e-5), 160, lowered_by=_IRON),
            Release("HCl", (350, 520), (2e-9, 1e-7), only_with=_IRON),
        )),
    ),
    "phyllosilicate": (
        Mineral("nontronite", (
            Release("H2O", (90, 160), (3e-7, 8e-6), 80, 0.06),
            Release("H2O", (400, 500), (4e-7, 6e-6), 175, 0.05),
        ), weight=2),
        Mineral("kaolinite", (Release("H2O", (500, 550), (1e-6, 1e-5), 230, 0.03),)),
        Mineral("saponite", (
            Release("H2O", (90, 170), (5e-7, 1e-5), 80, 0.06),
            Release("H2O", (720, 840), (4e-7, 5e-6), 510, 0.05),
        ), weight=2),
        Mineral("montmorillonite", (
            Release("H2O", (90, 170), (5e-7, 1e-5), 80, 0.06),
            Release("H2O", (600, 700), (4e-7, 6e-6), 220, 0.06, source=_GUESS),
        ), weight=2),
        Mineral("antigorite", (Release("H2O", (720, 780), (1e-6, 1e-5), 300, 0.04),)),
    ),
    "silicate": (
        Mineral("olivine or pyroxene", (
            Release("CO2", (430, 620), (3e-9, 2e-8), spread=0.1),
            Release("H2O", (250, 450), (5e-9, 8e-8), 110, 0.08, source=_GUESS),
        )),
        Mineral("glass or feldspar", (
            Release("CO2", (480, 680), (2e-9, 2e-8), spread=0.1),
            Release("H2", (750, 950), (1e-9, 4e-8), 250, source=_GUESS),
        )),
    ),
    "sulfate": (
        Mineral("iron sulfate", (
            Release("SO2", (520, 640), (5e-8, 4e-6), 210),
            Release("O2", (530, 650), (1e-8, 8e-7), 210),
            Release("H2O", (110, 330), (5e-7, 2e-5), 90, 0.06, source=_GUESS),
        ), weight=2),
        Mineral("jarosite", (
            Release("SO2", (550, 680), (4e-8, 3e-6), 230),
            Release("O2", (560, 690), (1e-8, 8e-7), 230),
            Release("H2O", (380, 460), (5e-7, 8e-6), 190),
        )),
        Mineral("aluminium sulfate", (
            Release("SO2", (580, 780), (4e-8, 3e-6), 250),
            Release("O2", (590, 790), (1e-8, 8e-7), 250),
            Release("H2O", (110, 350), (1e-6, 3e-5), 90, 0.06, source=_GUESS),
        )),
        Mineral("magnesium sulfate", (
            Release("SO2", (780, 930), (4e-8, 3e-6), 280),
            Release("O2", (790, 940), (1e-8, 8e-7), 280),
            Release("H2O", (110, 300), (2e-6, 4e-5), 90, 0.06, source=_GUESS),
        ), weight=2),
        # Decomposes above most ramps: what shows is the hydration water and the foot of SO2.
        Mineral("gypsum", (
            Release("SO2", (1080, 1200), (1e-7, 5e-6), 300),
            Release("H2O", (120, 180), (2e-6, 4e-5), 100),
        )),
    ),
    "sulfide": (
        Mineral("pyrite", (
            Release("SO2", (320, 560), (3e-8, 1e-6), 170, 0.05, source=_GUESS),
            Release("H2S", (540, 660), (5e-9, 3e-7), source=_GUESS),
            Release("S2", (560, 665), (5e-9, 4e-7), 210),
            Release("CS2", (640, 800), (3e-10, 1e-8), source=_GUESS),
            Release("COS", (600, 760), (5e-10, 2e-8), source=_GUESS),
        ), weight=2),
        Mineral("pyrrhotite", (
            Release("SO2", (400, 600), (1e-8, 5e-7), 190, 0.05, source=_GUESS),
            Release("H2S", (560, 720), (2e-9, 1e-7), source=_GUESS),
        )),
    ),
}
"""The minerals each family is drawn as."""
# fmt: on

_PLAIN = (
    ("phyllosilicate", 15.0),
    ("sulfate", 8.0),
    ("silicate", 6.0),
    ("carbonate", 6.0),
    ("oxychlorine", 6.0),
    ("chloride", 5.0),
    ("basalt", 5.0),
    ("oxalate", 4.0),
    ("iron_oxide", 3.0),
    ("sulfide", 2.0),
)
_SOIL = ("basalt", "carbonate", "iron_oxide", "silicate", "sulfate")
ASSEMBLAGES: tuple[tuple[frozenset[str], float], ...] = (
    (frozenset(), 14.0),
    *((frozenset({family}), weight) for family, weight in _PLAIN),
    (frozenset({*_SOIL, "oxychlorine", "phyllosilicate"}), 6.0),
    (frozenset({"iron_oxide", "oxychlorine"}), 4.0),
    (frozenset({"oxychlorine", "phyllosilicate"}), 4.0),
    (frozenset({"chloride", "iron_oxide", "phyllosilicate"}), 3.0),
    (frozenset({"iron_oxide", "oxychlorine", "phyllosilicate"}), 2.0),
    (frozenset({"chloride", "sulfate"}), 2.0),
    (frozenset({"chloride", "phyllosilicate"}), 2.0),
    (frozenset({"iron_oxide", "sulfate"}), 2.0),
    (frozenset({"oxychlorine", "sulfide"}), 1.5),
    (frozenset({"basalt", "silicate"}), 1.5),
    (frozenset({"basalt", "phyllosilicate", "silicate"}), 1.5),
    (frozenset({"silicate", "sulfide"}), 1.0),
    (frozenset({"carbonate", "iron_oxide"}), 1.0),
    (frozenset(_SOIL), 1.0),
    (frozenset({"iron_oxide", "sulfide"}), 0.5),
    (frozenset({"carbonate", "sulfide"}), 0.5),
)
"""Sets of families that occur together and their relative rates. Measured, and rounded."""

_BACKGROUNDS = (  # gas, commercial instrument, SAM testbed
    ("He", (6e-8, 3e-7), (1e-9, 1e-8)),
    ("H2", (2e-11, 3e-10), (2e-10, 8e-10)),
    ("H2O", (3e-10, 4e-9), (1.5e-9, 5e-9)),
    ("N2", (4e-10, 2e-9), (2e-10, 7e-10)),
    ("O2", (2e-10, 8e-10), (2e-11, 2e-10)),
    ("Ar", (4e-12, 2e-11), (3e-12, 1e-11)),
    ("CO2", (2e-12, 8e-12), (2e-10, 6e-10)),
    ("NO", (5e-13, 3e-12), (1e-11, 3e-11)),
    ("HCl", (8e-13, 6e-12), (2e-12, 9e-12)),
    ("SO2", (1e-13, 1e-12), (1e-11, 1.2e-10)),
    ("hydrocarbons", (2e-14, 1e-12), (5e-12, 3e-11)),
)
COMMERCIAL_BACKGROUND = {gas: current for gas, current, _ in _BACKGROUNDS}
"""Steady current of each gas's strongest ion without a sample, A (low, high). Measured."""

SAM_BACKGROUND = {gas: current for gas, _, current in _BACKGROUNDS} | {"MTBSTFA": (1e-13, 1e-12)}
"""The same for the SAM testbed, in A before `egams.simulate.sam.GAIN`. Measured."""

CONTAMINATION: tuple[Release, ...] = (
    Release("CO2", (280, 450), (5e-10, 5e-9), spread=0.09),
    Release("CO2", (480, 800), (1e-10, 3e-9), spread=0.12),
    Release("H2O", (90, 180), (3e-8, 5e-7), 60, 0.12),
    Release("SO2", (1000, 1150), (5e-11, 8e-10), 250),
)
"""What an empty cup gives off as well: traces of carbon, adsorbed water, old sulfur. Measured."""

CUP_OF_SAM: tuple[Release, ...] = (
    Release("MTBSTFA", (130, 320), (1e-10, 5e-9), 80, 0.1),
    Release("H2", (750, 950), (5e-9, 3e-7), 250, 0.06),
)
"""What SAM's own cups may give off: derivatising agent, and hydrogen when hot. Measured."""
