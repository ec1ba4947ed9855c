"""The ten families of compounds and the two kinds of instrument."""

from __future__ import annotations

from typing import Literal, get_args

FAMILIES: tuple[str, ...] = (
    "basalt",
    "carbonate",
    "chloride",
    "iron_oxide",
    "oxalate",
    "oxychlorine",
    "phyllosilicate",
    "silicate",
    "sulfate",
    "sulfide",
)
"""Families in alphabetical order: the order of every label, logit and probability axis."""

Instrument = Literal["commercial", "sam_testbed"]
INSTRUMENTS: tuple[Instrument, ...] = get_args(Instrument)
