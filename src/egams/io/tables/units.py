"""Units of measurement: how they are written, and what one of them is in ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from egams.arrays import FloatArray

Quantity = Literal["time", "temp", "m/z", "abundance", "other"]


@dataclass(frozen=True)
class Unit:
    """A unit: what it measures, and how a value of it becomes one of ours.

    Parameters
    ----------
    name
        How to write it.
    quantity
        What it measures: ``other`` is a unit of none of the columns of a run.
    factor, shift
        ``(value + shift) * factor`` is in s, degC, or the base unit of `kind`.
    kind
        What signals can be compared within, by its base unit: A, mbar, counts, counts/s, V.
    """

    name: str
    quantity: Quantity
    factor: float = 1.0
    shift: float = 0.0
    kind: str = ""

    def ours(self, values: FloatArray) -> FloatArray:
        """Return values in s, degC or the base unit of the signal.

        Parameters
        ----------
        values
            Values in this unit.
        """
        if self.factor == 1 and self.shift == 0:
            return values
        # 1 / 1000 is not exact, a division by 1000 is.
        divide = self.factor < 1 and self.quantity == "time"
        moved = values + self.shift if self.shift else values
        return moved / round(1 / self.factor) if divide else moved * self.factor


_ALIASES: dict[Unit, str] = {
    Unit("s", "time"): "s sec secs second seconds sek sekunde sekunden seconde secondes сек",
    Unit("ms", "time", 1e-3): "ms msec millisecond milliseconds мс",
    Unit("min", "time", 60.0): "min mins minute minutes minuten мин",
    Unit("h", "time", 3600.0): "h hr hrs hour hours std stunde stunden heure heures ч",
    Unit("degC", "temp"): "°c ºc degc deg_c c celsius ℃ degree_c degrees_c grad_c ° â°c \ufffdc",
    Unit("K", "temp", 1.0, -273.15): "k kelvin °k",
    Unit("degF", "temp", 5 / 9, -32.0): "°f ºf degf deg_f f fahrenheit ℉ degree_f degrees_f",
    Unit("u", "m/z"): "u amu da dalton th thomson amu/e u/e m/z",
    Unit("A", "abundance", 1.0, kind="A"): "a amp amps ampere amperes ampère",
    Unit("mA", "abundance", 1e-3, kind="A"): "ma",
    Unit("uA", "abundance", 1e-6, kind="A"): "µa μa ua",
    Unit("nA", "abundance", 1e-9, kind="A"): "na",
    Unit("pA", "abundance", 1e-12, kind="A"): "pa_current pamp",
    Unit("fA", "abundance", 1e-15, kind="A"): "fa",
    Unit("Pa", "abundance", 0.01, kind="mbar"): "pascal",
    Unit("mbar", "abundance", 1.0, kind="mbar"): "mbar hpa мбар",
    Unit("bar", "abundance", 1e3, kind="mbar"): "bar",
    Unit("Torr", "abundance", 1.33322368, kind="mbar"): "torr mmhg",
    Unit("mTorr", "abundance", 1.33322368e-3, kind="mbar"): "mtorr",
    Unit("counts", "abundance", kind="counts"): "counts count cts ct ions",
    Unit("counts/s", "abundance", kind="counts/s"): "counts/s cps c/s cts/s counts/sec ct/s hz",
    Unit("V", "abundance", kind="V"): "v volt volts",
    Unit("mV", "abundance", 1e-3, kind="V"): "mv",
    Unit("a.u.", "abundance", kind="a.u."): "a.u. au a.u arb arb. arb.u. arb._units w.e. r.u.",
    Unit("%", "other"): "% percent wt% wt.% wt-% mass% ma% vol% vol.%",
    Unit("ppm", "other"): "ppm ppb",
    Unit("mg", "other"): "mg g µg μg ug kg мг",
    Unit("mW", "other"): "mw mw/mg w/g w µv μv uv uv/mg µv/mg μv/mg j/g",
    Unit("K/min", "other"): "k/min °c/min c/min degc/min %/min mg/min ml/min",
}
UNITS: dict[str, Unit] = {
    alias: unit for unit, aliases in _ALIASES.items() for alias in aliases.split()
}
BY_NAME: dict[str, Unit] = {unit.name: unit for unit in _ALIASES}

# Capitals decide between these: picoampere and pascal, milli- and mega-.
_BY_CASE = {"pA": "pA", "Pa": "Pa", "PA": None, "pa": None}
_BRACKET = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\[\]()]*)[\])]\s*$")
_BETWEEN = re.compile(r"\s*(?:/|,|_|\bin\b|\s)\s*")


def unit_named(text: str) -> Unit | None:
    """Return the unit that a text writes; None if it is none that egams knows.

    Parameters
    ----------
    text
        Such as ``°C``, ``sec`` or ``nA``.
    """
    plain = text.strip()
    if plain in _BY_CASE:
        name = _BY_CASE[plain]
        return BY_NAME[name] if name else None
    if plain in BY_NAME:
        return BY_NAME[plain]
    return UNITS.get("_".join(plain.casefold().split()))


def split_unit(header: str) -> tuple[str, Unit | None, str]:
    """Return name, unit, and the text in brackets at the end that is no known unit.

    Parameters
    ----------
    header
        A column's header: ``Time [s]``, ``t/min``, ``Temp, °C``, ``18 amu (A)``, ``time_s``.
    """
    whole = unit_named(header)
    if whole and not is_mass_to_charge(header):
        return header, whole, ""
    match = _BRACKET.match(header)
    if match:
        unit = unit_named(match["unit"])
        if unit:
            return match["name"], unit, ""
        return header, None, match["unit"].strip()
    for between in _BETWEEN.finditer(header):
        name, unit = header[: between.start()], unit_named(header[between.end() :])
        # A lone letter behind a space may be a name's.
        lone = not between[0].strip() and len(header) - between.end() == 1
        if name and unit and not lone and not is_mass_to_charge(header):
            return name, unit, ""
    return header, None, ""


def signal_unit(words: str) -> Unit | None:
    """Return the unit of a signal; None where the words hold none.

    Parameters
    ----------
    words
        Such as ``Partial Pressure [mbar]`` or ``Torr``.
    """
    unit = split_unit(words)[1]
    return unit if unit and unit.quantity == "abundance" else None


def is_mass_to_charge(header: str) -> bool:
    """Whether a header is nothing but ``m/z``, however it is written.

    Parameters
    ----------
    header
        A column's header.
    """
    return "".join(header.split()).casefold() in ("m/z", "m/e", "m/q", "m_z")
