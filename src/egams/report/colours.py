"""Colours of all figures and pages."""

from __future__ import annotations

INK, FAINT = "#222222", "#8a8a8a"
NOT_MEASURED = "#e4e4e4"

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
VERMILION, PURPLE, SKY = "#d55e00", "#cc79a7", "#56b4e9"
"""Colours that people with any colour vision tell apart (Okabe & Ito 2008)."""
OLIVE, BROWN = "#8a7a00", "#8c564b"
"""Two more, for what stands beside few of those."""
