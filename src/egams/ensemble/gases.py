"""Gases that minerals release, and the m/z that show them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gas:
    """A gas, the m/z that show it, the strongest first, and the families it indicates."""

    name: str
    ions: tuple[int, ...]
    families: tuple[str, ...]


GASES: tuple[Gas, ...] = (
    Gas("H2O", (18, 17), ("phyllosilicate", "iron_oxide")),
    Gas("CO", (28,), ("oxalate",)),
    Gas("O2", (32,), ("oxychlorine", "sulfate")),
    Gas("H2S", (34,), ("sulfide",)),
    Gas("HCl", (36, 38), ("chloride", "oxychlorine")),
    Gas("CO2", (44,), ("carbonate", "oxalate")),
    Gas("SO2", (64, 48), ("sulfate", "sulfide")),
)
GAS = {gas.name: gas for gas in GASES}
"""By name."""
