"""Temperatures that may be in Kelvin."""

from __future__ import annotations

KELVIN = (255.0, 340.0)
"""A run that begins here and states no unit may be in Kelvin, at room temperature."""


def kelvin_notes(start: float) -> tuple[str, ...]:
    """Return what to note on a run in the challenge's layout, which is in degC by definition.

    Parameters
    ----------
    start
        Its first temperature.
    """
    if not KELVIN[0] <= start <= KELVIN[1]:
        return ()
    answer = "--columns 'temp=temp [K]'"
    return (f"temperatures begin at {start:.0f}: read as degC. If they are in K: {answer}",)
