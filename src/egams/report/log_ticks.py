"""Ticks of a short panel with a logarithmic axis: few, and each can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def few_log_ticks(low: float, high: float) -> list[float]:
    """Choose ticks between two limits: powers of ten, else what lies between them.

    Parameters
    ----------
    low, high
        Limits of the axis, above zero.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    span = math.log10(high / low)

    def within(digits: Iterable[int], step: int = 1) -> list[float]:
        powers = (power for power in range(first, last + 1) if power % step == 0)
        places = (float(f"{digit}e{power}") for power in powers for digit in digits)
        return [place for place in places if low <= place <= high]

    if len(powers := within((1,), 1 + int(span / 6))) >= 2:
        return powers
    if len(found := within((1, 3) if span > 1 else (1, 2, 5))) >= 2:
        return found
    evenly = MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(each) for each in evenly if low <= each <= high]


def power_words(value: float) -> str:
    """Write a number with a power of ten, where it is not near to 1.

    Parameters
    ----------
    value
        Above zero.
    """
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    digits, _, power = f"{value:.3e}".partition("e")
    factor, raised = f"{float(digits):g}", f"10{str(int(power)).translate(RAISED)}"
    return raised if factor == "1" else f"{factor} \N{MULTIPLICATION SIGN} {raised}"


def set_log_ticks(axes: Axes) -> None:
    """Give a panel whose limits are final ticks that do not stand on each other.

    Parameters
    ----------
    axes
        With a logarithmic axis of signals.
    """
    low, high = axes.get_ylim()
    places = few_log_ticks(low, high)
    axes.set_yticks(np.array(places), [power_words(place) for place in places])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low, high)
